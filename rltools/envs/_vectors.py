"""Turns a vector of environments into what makes a single one, since each episode has an environment of its own.

Objects are recognized by the modules of their classes, because Stable-Baselines3 need not be loaded.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, TypeGuard

import gymnasium
from gymnasium import Space
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from rltools.envs._ids import Environment, environment_spec
from rltools.envs._spec import spec_to_json
from rltools.envs._statistics import FROZEN_STATISTICS
from rltools.errors import ArgumentError, argument

Env = gymnasium.Env[Any, Any]
Wrap = Callable[[Env], Env]

# Wrappers of vectors that leave observations and actions of each environment as they are.
_TRANSPARENT = {
    *("RecordEpisodeStatistics", "RecordVideo", "HumanRendering", "DictInfoToList", "NormalizeReward"),
    *("ArrayConversion", "JaxToNumpy", "JaxToTorch", "NumpyToTorch"),
    # Policies normalize and transpose themselves; see `vector_statistics`.
    *("VecMonitor", "VecCheckNan", "VecVideoRecorder", "VecNormalize", "VecTransposeImage"),
}
_OF_MAKE_VEC = ("num_envs", "vectorization_mode", "vector_kwargs", "wrappers")
_GIVE = f"give a function that makes one gymnasium.Env as {argument('env')}"


def is_vector(env: object) -> TypeGuard[Any]:
    """Whether this is a vector of environments, of Gymnasium or of Stable-Baselines3."""
    if isinstance(env, str | EnvSpec | gymnasium.Env):
        return False
    return isinstance(env, gymnasium.vector.VectorEnv) or (_of_sb3(env) and hasattr(env, "num_envs"))


def single_environment(env: Any) -> Environment:
    """A spec or a function that makes one environment of a vector, in its wrappers; anything else is returned as it is.

    Statistics that `NormalizeObservation` has learned, around the vector or in its first environment, are frozen;
    rewards are not normalized. `VecNormalize` is left to the policy, see `vector_statistics`, and so is
    `VecTransposeImage`.

    Raises:
        ArgumentError: the environments differ, a wrapper is unknown, or nothing says how they were made.

    Example:
        >>> import gymnasium
        >>> from rltools.envs import single_environment
        >>> single_environment(gymnasium.make_vec("CartPole-v1", num_envs=3)).id
        'CartPole-v1'
    """
    if not is_vector(env):
        single: Environment = env
        return single
    layers = list(_layers(env))
    made = _of_innermost(layers[-1])
    wraps = [wrap for layer in reversed(layers[:-1]) for wrap in _wraps(layer)]
    if not wraps:
        return made
    build = partial(_built, environment_spec(made) or made, tuple(wraps))
    try:
        live = build()
    except Exception as error:
        raise ArgumentError(
            f"one environment of the vector cannot be made in its wrappers: {type(error).__name__}: {error}; {_GIVE}"
        ) from error
    spec = environment_spec(live)
    live.close()
    return build if spec is None else spec


def _built(made: Any, wraps: tuple[Wrap, ...]) -> Env:
    env: Env = gymnasium.make(made, disable_env_checker=True) if isinstance(made, EnvSpec) else made()
    for wrap in wraps:
        env = wrap(env)
    return env


def vector_statistics(env: object) -> Any:
    """The `VecNormalize` around a vector that normalizes observations; None without one.

    A policy that was trained in it observes what it makes of the environment's observations, so that the policy has to
    normalize them itself.
    """
    if not is_vector(env):
        return None
    return next(
        (
            layer
            for layer in _layers(env)
            if type(layer).__name__ == "VecNormalize" and getattr(layer, "norm_obs", True) and hasattr(layer, "obs_rms")
        ),
        None,
    )


def frame_stack_wrappers(count: int, space: Space[Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The wrappers that do what VecFrameStack does: stack observations along the last axis, padded with zeros.

    Args:
        count: how many observations are stacked.
        space: of one observation.

    Returns:
        Wrappers, by name with their arguments, whose observations are the network's input: a vector, oldest first; for
        images of one channel, which the library puts first, the frames.

    Raises:
        LookupError: there are none; the message says how the library stacks.
    """
    frames = ("FrameStackObservation", {"stack_size": count, "padding_type": "zero"})
    shape = space.shape if isinstance(space, Box) else ()
    if len(shape) == 1:
        return frames, ("FlattenObservation", {})
    if len(shape) == 3 and shape[2] == 1:
        return ("ReshapeObservation", {"shape": tuple(shape[:2])}), frames
    raise LookupError("along the last axis, as Stable-Baselines3 does, and Gymnasium stacks along the first")


def _of_sb3(value: object) -> bool:
    return any(cls.__module__.partition(".")[0] == "stable_baselines3" for cls in type(value).__mro__)


def _layers(vector: Any) -> Iterator[Any]:
    """A vector and those inside it, from the outside in."""
    while vector is not None:
        yield vector
        vector = vars(vector).get("venv" if _of_sb3(vector) else "env")


def _of_innermost(vector: Any) -> Environment:
    """A spec or a function that makes one of the environments of a vector without wrappers."""
    title = f"the vector of environments ({type(vector).__name__})"
    functions = getattr(vector, "env_fns", ())
    sources = list(getattr(vector, "envs", ()))
    if not sources and hasattr(vector, "get_attr"):
        with suppress(Exception):  # environments without a specification, or of another library
            sources = list(vector.get_attr("spec"))
    specs = [spec for source in sources if source is not None and (spec := environment_spec(source)) is not None]
    if specs and len(specs) == len(sources):
        _check_alike(title, specs)
        first: Environment = sources[0]  # with its statistics, if it is live
        return first
    if functions:
        function: Callable[[], Env] = functions[0]
        return function
    spec = getattr(vector, "spec", None)
    if isinstance(spec, EnvSpec):
        kwargs = {name: value for name, value in spec.kwargs.items() if name not in _OF_MAKE_VEC}
        limit = kwargs.pop("max_episode_steps", spec.max_episode_steps)  # its own classes count steps themselves
        return dataclasses.replace(spec, kwargs=kwargs, max_episode_steps=limit)
    raise ArgumentError(
        f"{title} does not say how its environments were made, and each episode has one of its own; {_GIVE}, or "
        f"register the environment and give its id"
    )


def _check_alike(title: str, specs: list[EnvSpec]) -> None:
    """Refuse a vector of different environments; what each has learned, and which one films, does not matter."""

    def plain(spec: EnvSpec) -> object:
        wrappers = tuple(wrapper for wrapper in spec.additional_wrappers if wrapper.name != FROZEN_STATISTICS)
        spec = dataclasses.replace(spec, additional_wrappers=wrappers)
        return spec_to_json(spec) or repr(spec)

    first = plain(specs[0])
    for number, spec in enumerate(specs[1:], start=1):
        if plain(spec) != first:
            raise ArgumentError(
                f"{title} has different environments, {_titled(specs[0])} at 0 and {_titled(spec)} at {number}; give "
                f"the one to act in as {argument('env')}"
            )


def _titled(spec: EnvSpec) -> str:
    wrappers = [wrapper.name for wrapper in spec.additional_wrappers]
    made = f"{spec.id} {spec.kwargs or ''}".strip() + (f" in {', '.join(wrappers)}" if wrappers else "")
    return f"{made} (up to {spec.max_episode_steps} steps)"


def _wraps(layer: Any) -> tuple[Wrap, ...]:
    """The wrappers that do to one environment what this one does to a vector, from the inside out."""
    name = type(layer).__name__
    inner = vars(layer).get("wrapper")  # the wrapper of one environment, in Gymnasium's that vectorize one
    if name in _TRANSPARENT:
        return ()
    if name == "VecFrameStack":
        return _stacking(layer)
    if name == "NormalizeObservation" and hasattr(layer, "obs_rms"):
        return (partial(_normalizing, running=copy.deepcopy(layer.obs_rms), epsilon=layer.epsilon),)
    if isinstance(inner, gymnasium.Wrapper) and hasattr(inner, "_saved_kwargs"):
        return (partial(type(inner), **inner._saved_kwargs),)
    raise ArgumentError(
        f"the vector of environments is in {name}, and what that does to one of them is unknown here; {_GIVE}, in the "
        f"wrapper that does the same"
    )


def _normalizing(env: Env, running: Any, epsilon: float) -> Env:
    """An environment with the statistics of a vector."""
    wrapper: Any = gymnasium.wrappers.NormalizeObservation(env, epsilon=epsilon)
    wrapper.obs_rms = running
    return wrapper  # type: ignore[no-any-return]


def _stacking(layer: Any) -> tuple[Wrap, ...]:
    inner = layer.venv
    while type(inner).__name__ == "VecTransposeImage":
        inner = inner.venv
    if vector_statistics(inner) is not None:
        raise ArgumentError(
            f"VecFrameStack stacks observations after VecNormalize, which no wrapper of one environment does; {_GIVE}, "
            f"with observations that are stacked before"
        )
    try:
        wrappers = frame_stack_wrappers(layer.stacked_obs.n_stack, inner.observation_space)
    except LookupError as error:
        raise ArgumentError(f"VecFrameStack stacks observations {error.args[0]}; {_GIVE}, with stacked ones") from error
    return tuple(partial(getattr(gymnasium.wrappers, name), **kwargs) for name, kwargs in wrappers)
