"""A policy around a live model of Stable-Baselines3, which is never changed."""

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
from rltools.policies.library import LoadOptions
from rltools.policies.sb3._normalize import Statistics, given_statistics, live_statistics
from rltools.policies.sb3._policy import make_policy
from rltools.policies.sb3._preprocess import fits
from rltools.policies.sb3.families import family_of
from rltools.policies.torch_policy import TorchPolicy


def load_live(model: Any, known: LoadOptions) -> TorchPolicy:
    """The policy around a live model, or around its policy network alone.

    Its parameters and the statistics of its observations are read at every call, so it follows a training. A model that
    is given another network is refused from then on.

    Raises:
        ModelError: a policy class that is not supported.
        MismatchError: the environment's spaces are not the model's, or its statistics have learned nothing.
    """
    network = getattr(model, "policy", model)
    vector = model.get_env() if network is not model else None
    around = known.environment
    fresh = not getattr(model, "num_timesteps", 0)
    own = None if vector is None else _beneath(vector, network, fresh)
    if around is None and own is not None:
        known = dataclasses.replace(known, environment=own)
    elif around is not None and own is not None and own.spec is not None:
        worn = [wrapper.name for wrapper in own.spec.additional_wrappers if wrapper.name != "FrozenStatistics"]
        notes = elsewhere_note(own.spec.id, own.spec.kwargs, around, worn)
        known = dataclasses.replace(known, notes=(*known.notes, *notes))
    if known.normalize is False:
        statistics = FollowedStatistics(lambda: None)
    elif known.normalize is not None:
        statistics = FollowedStatistics(lambda: known.normalize)
    else:
        wrapper = model.get_vec_normalize_env() if network is not model else None
        if not fresh and wrapper is not None and _has_learned_nothing(wrapper):
            raise MismatchError(
                f"the {type(model).__name__} is trained, and the VecNormalize of its environment has learned nothing "
                f"yet, so that it would act on other inputs than in its training; put VecNormalize.load(path, venv) "
                f"around its environment, or give the statistics: load_policy(model, normalize=path)"
            )
        statistics = FollowedStatistics(lambda: model.get_vec_normalize_env() if network is not model else None)
    name = type(model).__name__
    source = Source(known.name or name, fingerprint(network), library="Stable-Baselines3")
    settings = _Settings(model)

    def current() -> Statistics | None:
        if getattr(model, "policy", model) is not network:
            raise ModelError(
                f"the {type(model).__name__} has another network than when it was loaded; load it "
                f"again: rltools.load_policy(model)"
            )
        return statistics()

    policy = make_policy(
        network, family_of(network), settings, statistics(), source=source, known=known, statistics_now=current
    )
    place(policy, known.environment, "same")
    return policy


def _has_learned_nothing(wrapper: Any) -> bool:
    """Whether a VecNormalize scales observations by statistics that have seen none: they begin with a count near 0."""
    if not wrapper.norm_obs:
        return False
    running = wrapper.obs_rms.values() if isinstance(wrapper.obs_rms, dict) else [wrapper.obs_rms]
    return all(entry.count < 1 for entry in running)


class _Settings(Mapping[str, Any]):
    """What is known of an algorithm, at the moment it is asked for: a training goes on changing it."""

    _NAMES = ("exploration_rate",)

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getitem__(self, name: str) -> Any:
        if name not in self._NAMES or not hasattr(self._model, name):
            raise KeyError(name)
        return getattr(self._model, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._NAMES if hasattr(self._model, name))

    def __len__(self) -> int:
        return len([*self])


def _beneath(vector: Any, network: Any, fresh: bool) -> EnvInfo | None:
    """What is under a vector of environments, as far down as observations are the network's, transposed or not."""
    levels = [vector]
    while hasattr(levels[-1], "venv"):
        levels.append(levels[-1].venv)
    found = next((level for level in reversed(levels) if _gives(level, network)), None)
    if found is None:
        return None
    # Further up something changes observations, a frame stack for instance, and no single environment has them.
    envs = getattr(found, "envs", None) if found is levels[-1] else None
    if not envs:
        return EnvInfo(found.observation_space, found.action_space)
    return _as_it_is(envs, fresh)


def _as_it_is(envs: Sequence[gymnasium.Env[Any, Any]], fresh: bool) -> EnvInfo:
    """The first of the environments that are trained in, with the statistics that it has by now.

    Statistics of nothing are those of a fresh model, at the start of its training. A model that has been trained and is
    put into a new environment had others, so they are left out, and recording refuses the environment.
    """
    around = inspect_env(envs[0])
    if around.spec is None or not normalizers(envs[0]):
        return around
    statistics = statistics_of(envs[0], untouched=fresh)
    if not statistics:
        return around
    kept = [wrapper for wrapper in around.spec.additional_wrappers if wrapper.entry_point != statistics[0].entry_point]
    spec = dataclasses.replace(around.spec, additional_wrappers=(*kept, *statistics))
    first = f"statistics of observations are those of the first of the {len(envs)} environments that it was trained in"
    return dataclasses.replace(around, spec=spec, env=spec, notes=(*around.notes, *((first,) if len(envs) > 1 else ())))


def _gives(vector: Any, network: Any) -> bool:
    try:
        return fits(network.observation_space, vector.observation_space)
    except ArgumentError:
        return False


class FollowedStatistics:
    """The statistics of a live VecNormalize as they are at the moment of each call; None without any.

    Args:
        wrapper: gives what a caller named: a live VecNormalize, the path of one that was saved, or None.
    """

    def __init__(self, wrapper: Callable[[], Any]) -> None:
        self._wrapper, first = wrapper, wrapper()
        self._numbers: list[Any] = []
        self._statistics = None if first is None else given_statistics(first)
        self._follows = not isinstance(first, str | Path)

    def __call__(self) -> Statistics | None:
        """Read them; the same object as the last time where no number has changed."""
        wrapper = self._wrapper() if self._follows else None
        if wrapper is None:
            return self._statistics
        numbers = _numbers(wrapper)
        if numbers != self._numbers:
            self._numbers, self._statistics = numbers, live_statistics(wrapper)
        return self._statistics


def _numbers(wrapper: Any) -> list[Any]:
    """Whatever statistics are made of, to be compared; the arrays as bytes, because they may be written into."""
    running = wrapper.obs_rms if wrapper.norm_obs else {}
    moments = running.values() if isinstance(running, dict) else [running]
    arrays = [np.asarray(array).tobytes() for entry in moments for array in (entry.mean, entry.var)]
    return [wrapper.norm_obs, wrapper.epsilon, wrapper.clip_obs, *arrays]
