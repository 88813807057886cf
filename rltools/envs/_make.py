"""Makes a new environment from an id, a spec, a live environment or a function."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any, cast

import gymnasium
from gymnasium import Space, spaces
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.error import DependencyNotInstalled

from rltools._util.text import nearest_names
from rltools.envs._ids import Environment, environment_spec
from rltools.envs._statistics import freeze_statistics, without_reward_scaling
from rltools.envs._vectors import is_vector, single_environment
from rltools.errors import ArgumentError, SimulationError

_CAMERA = {"camera_id", "camera_name", "default_camera_config"}
_EXTRAS = {
    "box2d": "box2d",
    "classic_control": "classic-control",
    "mujoco": "mujoco",
    "phys2d": "jax",
    "tabular": "jax",
    "toy_text": "toy-text",
}


def make_environment(env: Environment, *, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Make a new environment from an id, a spec, a live environment or a function.

    Statistics that its wrappers have learned from observations are frozen, and rewards are not scaled by running ones.

    Args:
        env: which environment to make; a live one is copied by its spec.
        render_mode: how it renders; None for not at all.

    Raises:
        ArgumentError: `env` is something else; the message says what to give instead.
        SimulationError: it cannot be made or rendered in this mode, or differs from the live environment.
    """
    return without_reward_scaling(make_with_wrapped_rewards(env, render_mode=render_mode))


def make_with_wrapped_rewards(env: Environment, *, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Make a new environment as `make_environment` does, with rewards as its wrappers return them.

    Raises:
        ArgumentError: as `make_environment`.
        SimulationError: as `make_environment`.
    """
    env = single_environment(env)
    spec = environment_spec(env)
    if spec is not None:
        if render_mode is not None:
            spec = dataclasses.replace(spec, kwargs=spec.kwargs | {"render_mode": render_mode})
        try:
            new = gymnasium.make(spec, disable_env_checker=True)
        except Exception as error:
            raise SimulationError(f"{spec.id} cannot be made: {error}{_next_step(env, spec, error)}") from error
        if isinstance(env, gymnasium.Env) and not _same_arrays(env.observation_space, new.observation_space):
            raise SimulationError(
                f"a second {env} would give {new.observation_space} instead of {env.observation_space}: one of its "
                f"wrappers does not record its arguments; give a function that makes the environment"
            )
        if render_mode is not None and not _CAMERA & spec.kwargs.keys():
            _track_robot(new)
        return freeze_statistics(new)
    if isinstance(env, gymnasium.Env):
        raise SimulationError(
            f"{env} has no specification, so no second one can be made; give a function that makes one"
        )
    check_kind(env)
    return freeze_statistics(_call(cast("Callable[[], gymnasium.Env[Any, Any]]", env), render_mode))


def check_kind(env: object) -> None:
    """Refuse anything that is not an environment and does not make one.

    Raises:
        ArgumentError: it is neither; for vectors and environments of other libraries it says what to give instead.
    """
    if isinstance(env, str | EnvSpec | gymnasium.Env):
        return
    if is_vector(env):
        single_environment(env)
        return
    if kind := foreign_kind(env):
        raise ArgumentError(f"the environment given is {kind}")
    if not callable(env):
        raise ArgumentError(f"an environment is an id, a specification or a function that makes one, not {env!r}")


def _same_arrays(space: Space[Any], other: Space[Any]) -> bool:
    """Whether two spaces have the same arrays, up to their bounds."""
    if isinstance(space, spaces.Dict) and isinstance(other, spaces.Dict):
        return space.keys() == other.keys() and all(_same_arrays(part, other[key]) for key, part in space.items())
    return type(space) is type(other) and space.shape == other.shape


def _call(factory: Callable[[], gymnasium.Env[Any, Any]], render_mode: str | None) -> gymnasium.Env[Any, Any]:
    try:
        env = factory()
    except Exception as error:
        arguments = isinstance(factory, type) and isinstance(error, TypeError)
        hint = (
            f"; give a function that calls it with its arguments: lambda: {factory.__name__}(...)" if arguments else ""
        )
        raise SimulationError(
            f"{factory!r} did not make an environment: {type(error).__name__}: {error}{hint}"
        ) from error
    if not isinstance(env, gymnasium.Env):
        kind = foreign_kind(env)
        hint = f": this is {kind}" if kind else "; does it lack a `return`?" if env is None else ""
        raise SimulationError(f"{factory!r} made {type(env).__name__}; it must return a gymnasium.Env{hint}")
    if render_mode is not None and env.render_mode != render_mode:
        raise SimulationError(
            f"frames need an environment made with render_mode={render_mode!r}; {factory!r} made one with "
            f"render_mode={env.render_mode!r}"
        )
    return env


def _next_step(env: Environment, spec: EnvSpec, error: Exception) -> str:
    if isinstance(env, gymnasium.Env) and any(wrapper.kwargs is None for wrapper in spec.additional_wrappers):
        return "; give a function that makes the environment"
    if isinstance(error, TypeError) and (unknown := _UNEXPECTED.search(str(error))):
        return _arguments_taken(spec, unknown[1])
    parts = str(spec.entry_point).split(".")
    extra = _EXTRAS.get(parts[2]) if parts[:2] == ["gymnasium", "envs"] else None
    if extra is None or not isinstance(error, (ImportError, DependencyNotInstalled)):
        return ""
    return f'. Install its dependencies: pip install "gymnasium[{extra}]"'


_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")


def _arguments_taken(spec: EnvSpec, unknown: str) -> str:
    """Which arguments an environment takes, after it refused one."""
    try:
        entry = spec.entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
        parameters = [] if creator is None else [*inspect.signature(creator).parameters]
    except (ValueError, TypeError, ImportError, AttributeError):
        return ""
    taken = [name for name in parameters if name not in ("render_mode", "args", "kwargs")]
    near = nearest_names(unknown, taken)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"; {hint}it takes {', '.join(taken) or 'no arguments'}"


_FREE_CAMERA = -1


def _track_robot(env: gymnasium.Env[Any, Any]) -> None:
    """Render a MuJoCo environment by its model's camera "track", if it has one.

    Gymnasium's free camera stays at the start, and a robot walks out of view within seconds.
    """
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None or getattr(renderer, "camera_id", None) != _FREE_CAMERA:
        return
    import mujoco

    # Without such a camera this is the number of the free one.
    renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


OLD_GYM = (
    "the old library gym; base it on gymnasium instead, or give a function that makes it through shimmy: "
    'gymnasium.make("GymV26Environment-v0", env=env), "GymV21Environment-v0" for a gym before 0.26'
)


def foreign_kind(value: object) -> str:
    """Says what an object of another library is, and what to give instead; "" for anything unknown.

    Objects are recognized by the modules of their classes, because none of these libraries need be installed.
    """
    modules = [cls.__module__ for cls in type(value).__mro__]
    roots = {module.partition(".")[0] for module in modules}
    if "stable_baselines3" in roots and hasattr(value, "num_envs"):
        return _vector(value, "a vector of environments of Stable-Baselines3")
    if isinstance(value, gymnasium.vector.VectorEnv):
        return _vector(value, "a vector of environments")
    if "pettingzoo" in roots:
        return (
            f"a {type(value).__name__} of PettingZoo, in which several agents act; give the one agent that this policy "
            f"plays: rltools.OneAgent(make, agent, others), where make is a function that makes it"
        )
    if "gym" in roots:
        return f"a {type(value).__name__} of {OLD_GYM}"
    if "dm_env" in roots or "dm_control" in roots:
        return (
            f"a {type(value).__name__} of dm_env; give a function that makes it through "
            f'gymnasium.make("dm_control/..."), of `pip install shimmy[dm-control]`'
        )
    return ""


def is_old_space(space: object) -> bool:
    """Whether a space is one of the old library gym."""
    return type(space).__module__.partition(".")[0] == "gym"


def _vector(value: object, kind: str) -> str:
    return f"{kind} ({type(value).__name__}), where a single gymnasium.Env is needed; give one of its environments"
