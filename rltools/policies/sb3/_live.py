"""A policy around a live model of Stable-Baselines3; the model is never changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from rltools.envs import normalizers, statistics_of
from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies._identity import fingerprint
from rltools.policies.base import Source
from rltools.policies.env_info import EnvInfo, elsewhere_note, inspect_env, place
from rltools.policies.library import LoadOptions, statistics_text
from rltools.policies.sb3._discounting import SETTINGS, discounting_of, scaled_rewards
from rltools.policies.sb3._normalize import Statistics, given_statistics, live_statistics
from rltools.policies.sb3._policy import make_policy
from rltools.policies.sb3._preprocess import fits
from rltools.policies.sb3.families import family_of
from rltools.policies.torch_policy import TorchPolicy


def load_live(model: Any, options: LoadOptions) -> TorchPolicy:
    """The policy around a live model, or around its policy network alone.

    Its parameters and statistics are read at every call, so the policy follows a training. After a model's network is
    replaced, calls are refused.

    Raises:
        ModelError: an unsupported policy class.
        MismatchError: the environment's spaces are not the model's, or its statistics have learned nothing.
    """
    network = getattr(model, "policy", model)
    vector = model.get_env() if network is not model else None
    environment = options.environment
    fresh = not getattr(model, "num_timesteps", 0)
    own = None if vector is None else _inner_environment(vector, network, fresh)
    if environment is None and own is not None:
        options = options.in_environment(own)
    elif environment is not None and own is not None and own.spec is not None:
        wrappers = [wrapper.name for wrapper in own.spec.additional_wrappers if wrapper.name != "FrozenStatistics"]
        notes = elsewhere_note(own.spec.id, own.spec.kwargs, environment, wrappers)
        options = dataclasses.replace(options, notes=(*options.notes, *notes))

    def vec_normalize() -> Any:
        """The wrapper with the statistics, or the path of a saved one; None without any."""
        if options.normalize is not None:
            return None if options.normalize is False else options.normalize
        return model.get_vec_normalize_env() if network is not model else None

    wrapper = vec_normalize()
    if options.normalize is None and not fresh and wrapper is not None and _has_learned_nothing(wrapper):
        raise MismatchError(
            f"the {type(model).__name__} is trained, and the VecNormalize of its environment has learned nothing "
            f"yet, so it would act on other inputs than in its training; put VecNormalize.load(path, venv) "
            f"around its environment, or give the statistics: load_policy(model, normalize=path)"
        )
    statistics = FollowedStatistics(vec_normalize)
    saved_rewards = scaled_rewards(wrapper) if isinstance(wrapper, str | Path) else None
    name = type(model).__name__
    now = statistics()
    source = Source(
        options.name or name,
        fingerprint(network),
        library="Stable-Baselines3",
        normalization="" if now is None else statistics_text(wrapper),
    )
    family = family_of(network)
    settings = _Settings(model, (*getattr(family, "SETTINGS", ()), *SETTINGS))

    def current() -> Statistics | None:
        if getattr(model, "policy", model) is not network:
            raise ModelError(
                f"the {type(model).__name__} now has another network than when it was loaded; load it "
                f"again: rltools.load_policy(model)"
            )
        return statistics()

    policy = make_policy(
        network,
        family,
        settings,
        now,
        source=source,
        options=options,
        discounting=lambda: discounting_of(settings, saved_rewards or scaled_rewards(vec_normalize())),
        statistics_now=current,
    )
    place(policy, options.environment, "same")
    return policy


def _has_learned_nothing(wrapper: Any) -> bool:
    """Whether a VecNormalize scales observations but has seen none, so that its counts are below 1."""
    if not wrapper.norm_obs:
        return False
    running = wrapper.obs_rms.values() if isinstance(wrapper.obs_rms, dict) else [wrapper.obs_rms]
    return all(entry.count < 1 for entry in running)


class _Settings(Mapping[str, Any]):
    """Attributes of an algorithm, read when they are looked up, because a training keeps changing them."""

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self._model, self._names = model, names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names or not hasattr(self._model, name):
            raise KeyError(name)
        return getattr(self._model, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names if hasattr(self._model, name))

    def __len__(self) -> int:
        return len([*self])


def _inner_environment(vector: Any, network: Any, fresh: bool) -> EnvInfo | None:
    """The environment inside a vector, at the innermost level whose observations are the network's."""
    levels = [vector]
    while hasattr(levels[-1], "venv"):
        levels.append(levels[-1].venv)
    level = next((level for level in reversed(levels) if _fits(level, network)), None)
    if level is None:
        return None
    # Above the innermost level a vector wrapper, such as a frame stack, changes what the environments return.
    envs = getattr(level, "envs", None) if level is levels[-1] else None
    if not envs:
        return EnvInfo(level.observation_space, level.action_space)
    return _inspect_with_statistics(envs, fresh)


def _inspect_with_statistics(envs: Sequence[gymnasium.Env[Any, Any]], fresh: bool) -> EnvInfo:
    """The first of the training environments, with its current statistics.

    At the start of a training these are untouched. A trained model in a new environment had others, so untouched ones
    are left out, and recording refuses the environment.
    """
    info = inspect_env(envs[0])
    if info.spec is None or not normalizers(envs[0]):
        return info
    statistics = statistics_of(envs[0], untouched=fresh)
    if not statistics:
        return info
    wrappers = [
        wrapper for wrapper in info.spec.additional_wrappers if wrapper.entry_point != statistics[0].entry_point
    ]
    spec = dataclasses.replace(info.spec, additional_wrappers=(*wrappers, *statistics))
    first = f"statistics of observations are those of the first of the {len(envs)} environments that it was trained in"
    return dataclasses.replace(info, spec=spec, env=spec, notes=(*info.notes, *((first,) if len(envs) > 1 else ())))


def _fits(vector: Any, network: Any) -> bool:
    try:
        return fits(network.observation_space, vector.observation_space)
    except ArgumentError:
        return False


class FollowedStatistics:
    """The current statistics of a live VecNormalize at each call; None without any.

    Args:
        wrapper: function that returns a live VecNormalize, the path of a saved one, or None.
    """

    def __init__(self, wrapper: Callable[[], Any]) -> None:
        self._wrapper, first = wrapper, wrapper()
        self._numbers: list[Any] = []
        self._statistics = None if first is None else given_statistics(first)
        self._follows = not isinstance(first, str | Path)

    def __call__(self) -> Statistics | None:
        """Read them; returns the same object as the last time if no number has changed."""
        wrapper = self._wrapper() if self._follows else None
        if wrapper is None:
            return self._statistics
        numbers = _numbers(wrapper)
        if numbers != self._numbers:
            self._numbers, self._statistics = numbers, live_statistics(wrapper)
        return self._statistics


def _numbers(wrapper: Any) -> list[Any]:
    """The numbers of the statistics for comparison; arrays as bytes, because they may be updated in place."""
    running = wrapper.obs_rms if wrapper.norm_obs else {}
    moments = running.values() if isinstance(running, dict) else [running]
    arrays = [np.asarray(array).tobytes() for entry in moments for array in (entry.mean, entry.var)]
    return [wrapper.norm_obs, wrapper.epsilon, wrapper.clip_obs, *arrays]
