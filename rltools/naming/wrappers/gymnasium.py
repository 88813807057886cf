"""Gymnasium's own wrappers, but for those that only stack, flatten or make pictures."""

from __future__ import annotations

import dataclasses
from typing import Any

from gymnasium import spaces

from rltools.naming._flat import flattened
from rltools.naming._named import Found, Named
from rltools.naming._pictures import COLOURS, picture
from rltools.naming._stacked import earlier, stacked
from rltools.naming.wrappers import Rule, without_units
from rltools.observations import Leaf, Path


def _unchanged(wrapper: Any, inner: Found) -> Found:
    return inner


def _rescaled(wrapper: Any, inner: Found) -> Found:
    return without_units(inner)


def _normalized(wrapper: Any, inner: Found) -> Found:
    """In standard deviations of what was seen so far."""
    return {path: dataclasses.replace(of, units=("deviations",) * of.leaf.size) for path, of in inner.items()}


def _transformed(wrapper: Any, inner: Found) -> Found:
    """A function of the user's own: names stay where it gives as many entries."""
    same = wrapper.observation_space.shape == wrapper.env.observation_space.shape
    return without_units(inner) if same else {}


def _delayed(wrapper: Any, inner: Found) -> Found:
    return {path: earlier(of, f", {wrapper.delay} steps ago") if wrapper.delay else of for path, of in inner.items()}


def _filtered(wrapper: Any, inner: Found) -> Found:
    kept: Found = {}
    whole = wrapper.env.observation_space
    for position, key in enumerate(wrapper.filter_keys):
        at = range(len(whole.spaces))[key] if isinstance(whole, spaces.Tuple) else key
        first: str | int = position if isinstance(whole, spaces.Tuple) else key
        kept |= {(first, *path[1:]): of for path, of in inner.items() if path[0] == at}
    return kept


def _with_time(wrapper: Any, inner: Found) -> Found:
    unit = f"{wrapper.max_timesteps} steps" if wrapper.normalize_time else "steps"
    observed = wrapper.env.observation_space
    key = wrapper._init_kwargs()["dict_time_key"] if hasattr(wrapper, "_init_kwargs") else _time_key(wrapper)
    last: Path = (len(observed.spaces),) if isinstance(observed, spaces.Tuple) else (key,)
    time = {last: Named(Leaf(last, "number", (1,), "float32"), ("time",), (unit,))}
    if isinstance(observed, spaces.Tuple):
        found = inner | time
    elif isinstance(observed, spaces.Dict):
        order = spaces.Dict({key: observed, **observed.spaces}, sort_keys=observed.sort_keys).spaces
        every = time | inner
        found = {path: every[path] for name in order for path in every if path[0] == name}
    else:
        found = {("obs", *path): of for path, of in inner.items()} | {("time",): time[last]}
    return flattened(found) if wrapper.flatten else found
