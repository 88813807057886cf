"""The wrappers that a file may name, and how they are made again."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, WrapperSpec

from rltools._util.limits import MAX_STACK, MAX_WRAPPERS, oversized
from rltools.envs._statistics import has_learned, normalizers, told_numbers
from rltools.errors import SimulationError

# Those that change what is observed, done or rewarded, from plain numbers alone. Not those that write files, open
# windows or take a function.
_GYMNASIUM = (
    "AddWhiteNoise AtariPreprocessing ClipAction ClipReward DelayObservation DiscretizeAction DiscretizeObservation "
    "DtypeObservation FilterObservation FlattenObservation FrameStackObservation GrayscaleObservation "
    "MaxAndSkipObservation NormalizeObservation NormalizeReward ObstructView OrderEnforcing PassiveEnvChecker "
    "RecordEpisodeStatistics RepeatAction RescaleAction RescaleObservation ReshapeObservation ResizeObservation "
    "StickyAction TimeAwareObservation TimeLimit"
)
_MINIGRID = (
    "DictObservationSpaceWrapper DirectionObsWrapper FlatObsWrapper FullyObsWrapper ImgObsWrapper "
    "OneHotPartialObsWrapper RGBImgObsWrapper RGBImgPartialObsWrapper SymbolicObsWrapper ViewSizeWrapper"
)
_ATARI = "StickyActionEnv NoopResetEnv MaxAndSkipEnv EpisodicLifeEnv FireResetEnv WarpFrame ClipRewardEnv"
_ATARI_MODULE = "stable_baselines3.common.atari_wrappers"
_ATARI_CHAIN = f"{_ATARI_MODULE}:AtariWrapper"
# Of those that do not record what they were made with, by the names of their classes.
_OTHERS = {
    **{name: f"minigrid.wrappers:{name}" for name in _MINIGRID.split()},
    **{name: f"{_ATARI_MODULE}:{name}" for name in _ATARI.split()},
    "AtariWrapper": _ATARI_CHAIN,
    "TimeFeatureWrapper": "sb3_contrib.common.wrappers.time_feature:TimeFeatureWrapper",
}
# Stable-Baselines3 puts it around every environment it is given; it changes nothing that is observed or done.
MONITOR = "stable_baselines3.common.monitor:Monitor"
# Of a live environment these are left out too: they write files or open windows, and want a render mode.
_ONLY_WATCHING = (
    MONITOR,
    *(f"gymnasium.wrappers.rendering:{name}" for name in ("HumanRendering", "RecordVideo", "RenderCollection")),
)
FROZEN = "rltools.wrappers._frozen:FrozenStatistics"
_RLTOOLS = {"FrozenStatistics": FROZEN, "SelectFeatures": "rltools.wrappers._select_features:SelectFeatures"}


def wrapper_names() -> tuple[str, ...]:
    """The classes of wrappers that a file may name."""
    return tuple(sorted([*_GYMNASIUM.split(), *_OTHERS, *_RLTOOLS]))


def wrapped_spec(spec: EnvSpec, wrappers: Iterable[tuple[str, Mapping[str, Any]]]) -> EnvSpec:
    """The specification of an environment in more wrappers.

    Args:
        spec: of the environment.
        wrappers: the class's name, see `wrapper_names`, and the arguments of each, from the inside outwards.

    Raises:
        SimulationError: a wrapper that a file may not name, or far too much of them.
    """
    more = []
    for name, kwargs in wrappers:
        entry_point = _entry_point(name)
        if entry_point is None:
            near = difflib.get_close_matches(name, wrapper_names(), n=3)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise SimulationError(
                f"no wrapper {name!r} may be named by a file; {hint}there are {', '.join(wrapper_names())}. For any "
                f"other, make the environment yourself and give the function that makes it"
            )
        more.append(_specified(name, entry_point, kwargs))
    return dataclasses.replace(spec, additional_wrappers=moderate((*spec.additional_wrappers, *more)))


def moderate(wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """The same wrappers.

    Raises:
        SimulationError: there are far too many, or one would make far too much.
    """
    if len(wrappers) > MAX_WRAPPERS:
        raise SimulationError(
            f"the environment has {len(wrappers):,} wrappers, where {MAX_WRAPPERS} are the most; leave some out"
        )
    stacked = 1
    for wrapper in wrappers:
        size = (wrapper.kwargs or {}).get("stack_size", 1)
        stacked *= size if isinstance(size, int) else 1
        if excess := oversized(wrapper.kwargs or {}):
            raise SimulationError(f"the wrapper {wrapper.name} is not made: {excess}; use smaller arguments")
    if stacked > MAX_STACK:
        raise SimulationError(
            f"the environment's wrappers stack {stacked:,} observations, where {MAX_STACK} are the most; stack fewer"
        )
    return wrappers


def known_wrapper(entry_point: str, kwargs: dict[str, Any]) -> WrapperSpec:
    """A wrapper out of somebody's file.

    Raises:
        SimulationError: one that a file may not name.
    """
    name = entry_point.rpartition(":")[2]
    if _entry_point(name) != entry_point:
        raise SimulationError(
            f"the file's environment is wrapped in {entry_point!r}, which is not imported on a file's word; make the "
            f"environment yourself and give the function that makes it"
        )
    return _specified(name, entry_point, kwargs)


def remakeable(wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """Wrappers as they were recorded, made fit to be made again.

    Those of MiniGrid, Stable-Baselines3 and sb3-contrib do not record their arguments: their defaults stand for them.
    AtariWrapper is left out after those that it puts on by itself, and so is what only watches, such as Monitor.
    """
    found: list[WrapperSpec] = []
    for wrapper in wrappers:
        parts = bool(found) and found[-1].entry_point.startswith(f"{_ATARI_MODULE}:")
        if wrapper.entry_point in _ONLY_WATCHING or (wrapper.entry_point == _ATARI_CHAIN and parts):
            continue
        silent = wrapper.kwargs is None and wrapper.entry_point in _OTHERS.values()
        found.append(dataclasses.replace(wrapper, kwargs={}) if silent else wrapper)
    return tuple(found)


def with_arguments_of(env: gymnasium.Env[Any, Any], wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """The recorded wrappers of a live environment, with the arguments that they did not record but still hold.

    What its wrappers have learned of observations comes last, as wrappers that give it to those made again.

    Args:
        env: the environment, in these wrappers.
        wrappers: from the inside outwards, as its specification lists them.
    """
    found: list[WrapperSpec] = []
    learned = statistics_of(env)
    for wrapper in reversed([wrapper for wrapper in wrappers if wrapper.entry_point != FROZEN]):
        while isinstance(env, gymnasium.Wrapper) and _place(env) != wrapper.entry_point:
            env = env.env
        silent = wrapper.kwargs is None and wrapper.entry_point in _OTHERS.values()
        found.append(dataclasses.replace(wrapper, kwargs=_held(env)) if silent else wrapper)
        env = env.env if isinstance(env, gymnasium.Wrapper) else env
    return (*reversed(found), *learned)


def statistics_of(env: gymnasium.Env[Any, Any], *, untouched: bool = False) -> list[WrapperSpec]:
    """The wrappers that give another environment the statistics of observations that this one has learned.

    Args:
        env: live.
        untouched: also those of wrappers that have learned nothing yet, as at the start of a training.
    """
    told = told_numbers(env)
    return [
        WrapperSpec(
            "FrozenStatistics",
            FROZEN,
            {
                "mean": np.asarray(wrapper.obs_rms.mean).tolist(),
                "var": np.asarray(wrapper.obs_rms.var).tolist(),
                "number": number,
                "dtype": np.asarray(wrapper.obs_rms.mean).dtype.name,
            },
        )
        for number, wrapper in enumerate(normalizers(env))
        if untouched or number in told or has_learned(wrapper)
    ]


def _place(wrapper: gymnasium.Env[Any, Any]) -> str:
    return f"{type(wrapper).__module__}:{type(wrapper).__name__}"


def _held(wrapper: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The plain arguments of a wrapper's constructor that it keeps under their names."""
    missing = object()
    held = {
        name: vars(wrapper).get(name, vars(wrapper).get(f"_{name}", missing))
        for name in inspect.signature(type(wrapper)).parameters
    }
    return {name: value for name, value in held.items() if isinstance(value, str | int | float)}


def _entry_point(name: str) -> str | None:
    if name in _GYMNASIUM.split():
        return f"{getattr(gymnasium.wrappers, name).__module__}:{name}"
    return _OTHERS.get(name) or _RLTOOLS.get(name)


def _specified(name: str, entry_point: str, kwargs: Mapping[str, Any]) -> WrapperSpec:
    # Neither JSON nor YAML has tuples, and these two insist on one.
    made = {
        key: tuple(value) if key == "shape" and name in ("ReshapeObservation", "ResizeObservation") else value
        for key, value in kwargs.items()
    }
    return WrapperSpec(name, entry_point, made)
