"""Gymnasium's own wrappers."""

from __future__ import annotations

import dataclasses
from typing import Any

from gymnasium import spaces

from rltools.envs.names._named import Found, Named, earlier, flattened, picture, stacked
from rltools.envs.names._through_wrappers import Rule, without_units
from rltools.spaces.leaves import Leaf, Path
from rltools.spaces.parts import ago


def _unchanged(wrapper: Any, inner: Found) -> Found:
    return inner


def _rescaled(wrapper: Any, inner: Found) -> Found:
    return without_units(inner)


def _normalized(wrapper: Any, inner: Found) -> Found:
    """In standard deviations of what was seen so far."""
    return {path: dataclasses.replace(of, units=("deviations",) * of.leaf.size) for path, of in inner.items()}


def _transformed(wrapper: Any, inner: Found) -> Found:
    """A function of the user's own: names stay where it gives as many entries."""
    before, after = wrapper.env.observation_space, wrapper.observation_space
    same = before == after or (after.shape is not None and before.shape == after.shape)
    return without_units(inner) if same else {}


def _delayed(wrapper: Any, inner: Found) -> Found:
    return {path: earlier(of, f", {ago(wrapper.delay)}") if wrapper.delay else of for path, of in inner.items()}


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
    key = wrapper._saved_kwargs["dict_time_key"]
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


def _cast(wrapper: Any, inner: Found) -> Found:
    """A Discrete observation becomes its number, no longer one-hot."""
    of = inner[()]
    if of.leaf.kind == "choice" and not of.leaf.shape:
        return {(): dataclasses.replace(of, names=of.choices, units=(), dims=(), choices=())}
    return inner


def _binned(wrapper: Any, inner: Found) -> Found:
    """Each entry as a choice among its bins; one choice among all cells has no names."""
    of = inner.get(())
    if of is None or not wrapper.multidiscrete or not of.names:
        return {}
    names = tuple(
        f"{name}={number}" for name, bins in zip(of.names, wrapper.bins, strict=True) for number in range(bins)
    )
    return {(): dataclasses.replace(of, names=names, units=(), dims=(), channels=(), choices=of.names)}


def _reshaped(wrapper: Any, inner: Found) -> Found:
    """The same numbers in the same order; which axis is which is known where only axes of length 1 come or go."""
    of, shape = inner[()], wrapper.observation_space.shape
    names = of.names or (of.entry_names() if len(shape) == 1 and len(of.leaf.shape) > 1 else ())
    dims = tuple(f"axis_{axis}" for axis in range(len(shape))) if len(shape) > 1 else ("feature",)
    axes = iter([name for name, size in zip(of.part.dims, of.leaf.shape, strict=True) if size > 1])
    if [size for size in shape if size > 1] == [size for size in of.leaf.shape if size > 1] and of.is_image:
        dims = tuple(next(axes) if size > 1 else "channel" for size in shape)
        dims = dims if len(set(dims)) == len(dims) else ()
    return {(): dataclasses.replace(of, names=names, dims=dims)}


def _screen(wrapper: Any, inner: Found) -> Found:
    return {(): picture((), wrapper.observation_space)}


def _resized(wrapper: Any, inner: Found) -> Found:
    return {(): dataclasses.replace(inner[()], names=(), units=())}


def _drawn(wrapper: Any, inner: Found) -> Found:
    """The environment's frame instead of what was observed, or beside it."""
    said = wrapper._saved_kwargs
    if said["render_only"]:
        return _screen(wrapper, inner)
    frame: Path = (said["render_key"],)
    nested = isinstance(wrapper.env.observation_space, spaces.Dict)
    found = inner if nested else {(said["obs_key"], *path): of for path, of in inner.items()}
    return found | {frame: picture(frame, wrapper.observation_space[said["render_key"]])}


RULES: dict[str, Rule] = {
    "AddRenderObservation": _drawn,
    "AtariPreprocessing": _screen,
    "DelayObservation": _delayed,
    "DiscretizeObservation": _binned,
    "DtypeObservation": _cast,
    "FilterObservation": _filtered,
    "FlattenObservation": lambda wrapper, inner: flattened(inner),
    "FrameStackObservation": lambda wrapper, inner: stacked(inner, wrapper.stack_size),
    "GrayscaleObservation": _screen,
    "MaxAndSkipObservation": _unchanged,
    "NormalizeObservation": _normalized,
    "RescaleObservation": _rescaled,
    "ReshapeObservation": _reshaped,
    "ResizeObservation": _resized,
    "TimeAwareObservation": _with_time,
    "TransformObservation": _transformed,
}
