"""The wrappers that a file may name, and the specs from which they are made again."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, WrapperSpec

from rltools._util.limits import MAX_STACK, MAX_WRAPPERS, oversized
from rltools._util.text import nearest_names
from rltools.envs._named_modules import check_own_wrapper
from rltools.envs._statistics import FROZEN_STATISTICS, frozen_numbers, has_learned, normalizers
from rltools.envs.names.wrappers import WrapperLibrary, wrapper_libraries, wrapper_library
from rltools.errors import SimulationError


def wrapper_names() -> tuple[str, ...]:
    """The classes of the wrappers that a file may name."""
    return tuple(sorted(_entry_points()))


def wrapped_spec(spec: EnvSpec, wrappers: Iterable[tuple[str, Mapping[str, Any]]]) -> EnvSpec:
    """The spec of an environment in further wrappers.

    Args:
        spec: of the environment.
        wrappers: the name of each wrapper's class, see `wrapper_names`, and its arguments, from the inside out. Of a
            module that the user named, `module:Class`.

    Raises:
        SimulationError: a wrapper that a file may not name, or wrappers beyond the limits.
    """
    more = []
    for name, kwargs in wrappers:
        entry_point = _entry_points().get(name)
        if entry_point is None and ":" in name:
            check_own_wrapper(name)
            more.append(WrapperSpec(name.partition(":")[2], name, dict(kwargs)))
            continue
        if entry_point is None:
            near = nearest_names(name, wrapper_names())
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise SimulationError(
                f"no wrapper {name!r} may be named by a file; {hint}there are {', '.join(wrapper_names())}. For one "
                f"of your own, give module:Class of a module that you import (--import MODULE)"
            )
        more.append(_wrapper_spec(name, entry_point, kwargs))
    return dataclasses.replace(spec, additional_wrappers=checked_wrappers((*spec.additional_wrappers, *more)))


def checked_wrappers(wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """The same wrappers, within the limits.

    Raises:
        SimulationError: too many wrappers, or one that would allocate too much.
    """
    if len(wrappers) > MAX_WRAPPERS:
        raise SimulationError(
            f"the environment has {len(wrappers):,} wrappers, above the limit of {MAX_WRAPPERS}; remove some"
        )
    frames = 1
    for wrapper in wrappers:
        size = (wrapper.kwargs or {}).get("stack_size", 1)
        frames *= size if isinstance(size, int) else 1
        if excess := oversized(wrapper.kwargs or {}):
            raise SimulationError(f"the wrapper {wrapper.name} is not made: {excess}; use smaller arguments")
    if frames > MAX_STACK:
        raise SimulationError(
            f"the environment's wrappers stack {frames:,} observations, above the limit of {MAX_STACK}; stack fewer"
        )
    return wrappers


def wrapper_from_file(entry_point: str, kwargs: dict[str, Any]) -> WrapperSpec:
    """The spec of a wrapper named in someone else's file.

    Raises:
        SimulationError: a wrapper that a file may not name.
    """
    name = entry_point.rpartition(":")[2]
    canonical = canonical_entry_point(entry_point)
    if _entry_points().get(name) != canonical:
        check_own_wrapper(entry_point)
        return WrapperSpec(name, entry_point, kwargs)
    return _wrapper_spec(name, canonical, kwargs)


def is_transparent(entry_point: str) -> bool:
    """Whether a wrapper leaves observations, actions and rewards as they are, so that no environment needs it."""
    return entry_point in _library(entry_point).transparent


def remakeable(wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """The recorded wrappers in a form from which they can be made again.

    Wrappers of libraries that do not record arguments get their defaults. A composite, such as AtariWrapper, is dropped
    after the wrappers it consists of, and so are wrappers that write files or open windows, and Monitor.
    """
    specs: list[WrapperSpec] = []
    for wrapper in wrappers:
        library, module = _library(wrapper.entry_point), wrapper.entry_point.partition(":")[0]
        follows_parts = bool(specs) and specs[-1].entry_point.startswith(f"{module}:")
        if wrapper.entry_point in (*library.transparent, *library.displays):
            continue
        if wrapper.entry_point in library.composites and follows_parts:
            continue
        entry_point = canonical_entry_point(wrapper.entry_point)
        kwargs = {} if _lacks_arguments(wrapper, library) else wrapper.kwargs
        specs.append(dataclasses.replace(wrapper, entry_point=entry_point, kwargs=kwargs))
    return tuple(specs)


def with_arguments_of(env: gymnasium.Env[Any, Any], wrappers: tuple[WrapperSpec, ...]) -> tuple[WrapperSpec, ...]:
    """The recorded wrappers of a live environment, with arguments they did not record but store as attributes.

    Wrappers that give a new environment the statistics these have learned from observations are appended.

    Args:
        env: the environment, in these wrappers.
        wrappers: from the inside out, as its spec lists them.
    """
    specs: list[WrapperSpec] = []
    learned = statistics_of(env)
    frozen = _entry_points()[FROZEN_STATISTICS]
    for wrapper in reversed(wrappers):
        entry_point = canonical_entry_point(wrapper.entry_point)
        if entry_point == frozen:
            continue
        while isinstance(env, gymnasium.Wrapper) and _entry_point_of(env) != entry_point:
            env = env.env
        lacking = _lacks_arguments(wrapper, _library(wrapper.entry_point))
        specs.append(dataclasses.replace(wrapper, kwargs=_stored_arguments(env)) if lacking else wrapper)
        env = env.env if isinstance(env, gymnasium.Wrapper) else env
    return (*reversed(specs), *learned)


def statistics_of(env: gymnasium.Env[Any, Any], *, untouched: bool = False) -> list[WrapperSpec]:
    """The wrappers that give another environment the statistics of observations that this one has learned.

    Args:
        env: a live environment.
        untouched: include wrappers that have learned nothing yet, as at the start of a training.
    """
    frozen = frozen_numbers(env)
    return [
        WrapperSpec(
            FROZEN_STATISTICS,
            _entry_points()[FROZEN_STATISTICS],
            {
                "mean": np.asarray(wrapper.obs_rms.mean).tolist(),
                "var": np.asarray(wrapper.obs_rms.var).tolist(),
                "number": number,
                "dtype": np.asarray(wrapper.obs_rms.mean).dtype.name,
            },
        )
        for number, wrapper in enumerate(normalizers(env))
        if untouched or number in frozen or has_learned(wrapper)
    ]


def with_canonical_wrappers(spec: EnvSpec) -> EnvSpec:
    """The same spec, with each wrapper by the entry point under which it is read, written and compared."""
    wrappers = tuple(
        dataclasses.replace(wrapper, entry_point=canonical_entry_point(wrapper.entry_point))
        for wrapper in spec.additional_wrappers
    )
    return spec if wrappers == spec.additional_wrappers else dataclasses.replace(spec, additional_wrappers=wrappers)


def _entry_points() -> dict[str, str]:
    return {
        name: entry_point
        for library in wrapper_libraries().values()
        for name, entry_point in library.entry_points.items()
    }


def _library(entry_point: str) -> WrapperLibrary:
    return wrapper_library(entry_point.partition(":")[0])


def canonical_entry_point(entry_point: str) -> str:
    """The entry point by which a wrapper is read, written and compared; see `WrapperLibrary.canonical`."""
    return _library(entry_point).canonical(entry_point)


def _lacks_arguments(wrapper: WrapperSpec, library: WrapperLibrary) -> bool:
    recordable = library.records_arguments or wrapper.entry_point not in library.entry_points.values()
    return wrapper.kwargs is None and not recordable


def _entry_point_of(wrapper: gymnasium.Env[Any, Any]) -> str:
    return canonical_entry_point(f"{type(wrapper).__module__}:{type(wrapper).__name__}")


def _stored_arguments(wrapper: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The plain arguments of a wrapper's constructor that it stores as attributes of the same name."""
    missing = object()
    stored = {
        name: vars(wrapper).get(name, vars(wrapper).get(f"_{name}", missing))
        for name in inspect.signature(type(wrapper)).parameters
    }
    return {name: value for name, value in stored.items() if isinstance(value, str | int | float)}


def _wrapper_spec(name: str, entry_point: str, kwargs: Mapping[str, Any]) -> WrapperSpec:
    tuples = _library(entry_point).tuple_arguments.get(name, ())
    return WrapperSpec(name, entry_point, {key: tuple(kwargs[key]) if key in tuples else kwargs[key] for key in kwargs})
