"""Gymnasium's own wrappers."""

from __future__ import annotations

import dataclasses
from typing import Any

from gymnasium import spaces, wrappers

from rltools.envs.names._named import NamedLeaf, NamedLeaves, flatten, image_leaf, lagged, stack, without_units
from rltools.envs.names.wrappers import Rule, WrapperLibrary
from rltools.spaces.leaves import Leaf, Path


def _keep(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return inner


def _rescale(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return without_units(inner)


def _normalize(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """Units become standard deviations of the observations so far."""
    return {
        path: dataclasses.replace(named, units=("deviations",) * named.leaf.size, objects=None)
        for path, named in inner.items()
    }


def _transform(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """A function of the user's: names are kept if the shape is."""
    before, after = wrapper.env.observation_space, wrapper.observation_space
    same = before == after or (after.shape is not None and before.shape == after.shape)
    return without_units(inner) if same else {}


def _delay(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return {path: lagged(named, wrapper.delay) if wrapper.delay else named for path, named in inner.items()}


def _filter(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    selected: NamedLeaves = {}
    space = wrapper.env.observation_space
    for position, key in enumerate(wrapper.filter_keys):
        source = range(len(space.spaces))[key] if isinstance(space, spaces.Tuple) else key
        target: str | int = position if isinstance(space, spaces.Tuple) else key
        selected |= {(target, *path[1:]): named for path, named in inner.items() if path[0] == source}
    return selected


def _add_time(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    unit = f"{wrapper.max_timesteps} steps" if wrapper.normalize_time else "steps"
    observed = wrapper.env.observation_space
    key = wrapper._saved_kwargs["dict_time_key"]
    last: Path = (len(observed.spaces),) if isinstance(observed, spaces.Tuple) else (key,)
    origins = ("the wrapper TimeAwareObservation",)
    time = {last: NamedLeaf(Leaf(last, "number", (1,), "float32"), ("time",), (unit,), origins=origins)}
    if isinstance(observed, spaces.Tuple):
        leaves = inner | time
    elif isinstance(observed, spaces.Dict):
        order = spaces.Dict({key: observed, **observed.spaces}, sort_keys=observed.sort_keys).spaces
        joined = time | inner
        leaves = {path: joined[path] for name in order for path in joined if path[0] == name}
    else:
        leaves = {("obs", *path): named for path, named in inner.items()} | {("time",): time[last]}
    return flatten(leaves) if wrapper.flatten else leaves


def _cast(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """A Discrete observation becomes its number, no longer one-hot."""
    named = inner[()]
    if named.leaf.kind == "choice" and not named.leaf.shape:
        lags = named.element_lags()[:1]
        origins = named.origins[:1]
        return {
            (): dataclasses.replace(
                named, names=named.choices, units=(), dims=(), choices=(), lags=lags, origins=origins
            )
        }
    return inner


def _discretize(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """Each element becomes a choice among its bins; a single choice among all cells has no names."""
    named = inner.get(())
    if named is None or not wrapper.multidiscrete or not named.names:
        return {}
    names = tuple(
        f"{name}={number}" for name, bins in zip(named.names, wrapper.bins, strict=True) for number in range(bins)
    )
    lags = tuple(lag for lag, bins in zip(named.element_lags(), wrapper.bins, strict=True) for _ in range(bins))
    origins = tuple(
        origin for origin, bins in zip(named.element_origins(), wrapper.bins, strict=True) for _ in range(bins)
    )
    discrete = dataclasses.replace(
        named,
        names=names,
        units=(),
        dims=(),
        channels=(),
        choices=named.names,
        lags=lags,
        leaf_names=(),
        origins=origins,
    )
    return {(): discrete}


def _reshape(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The same numbers in the same order; the axes are known if only axes of length 1 are added or removed."""
    named, shape = inner[()], wrapper.observation_space.shape
    names = named.names or (named.element_names() if len(shape) == 1 and len(named.leaf.shape) > 1 else ())
    dims = tuple(f"axis_{axis}" for axis in range(len(shape))) if len(shape) > 1 else ("feature",)
    axes = iter([name for name, size in zip(named.part.dims, named.leaf.shape, strict=True) if size > 1])
    if [size for size in shape if size > 1] == [size for size in named.leaf.shape if size > 1] and named.is_image:
        dims = tuple(next(axes) if size > 1 else "channel" for size in shape)
        dims = dims if len(set(dims)) == len(dims) else ()
    lags = named.lags if "lag" in dims else named.element_lags()
    return {(): dataclasses.replace(named, names=names, dims=dims, lags=lags)}


def _image(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return {(): image_leaf((), wrapper.observation_space)}


def _resize(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return {(): dataclasses.replace(inner[()], names=(), units=(), lags=(), origins=())}


def _render(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The rendered frame instead of the observation, or beside it."""
    arguments = wrapper._saved_kwargs
    if arguments["render_only"]:
        return _image(wrapper, inner)
    frame: Path = (arguments["render_key"],)
    nested = isinstance(wrapper.env.observation_space, spaces.Dict)
    leaves = inner if nested else {(arguments["obs_key"], *path): named for path, named in inner.items()}
    return leaves | {frame: image_leaf(frame, wrapper.observation_space[arguments["render_key"]])}


_RULES: dict[str, Rule] = {
    "AddRenderObservation": _render,
    "AtariPreprocessing": _image,
    "DelayObservation": _delay,
    "DiscretizeObservation": _discretize,
    "DtypeObservation": _cast,
    "FilterObservation": _filter,
    "FlattenObservation": lambda wrapper, inner: flatten(inner),
    "FrameStackObservation": lambda wrapper, inner: stack(inner, wrapper.stack_size),
    "GrayscaleObservation": _image,
    "MaxAndSkipObservation": _keep,
    "NormalizeObservation": _normalize,
    "RescaleObservation": _rescale,
    "ReshapeObservation": _reshape,
    "ResizeObservation": _resize,
    "TimeAwareObservation": _add_time,
    "TransformObservation": _transform,
}
_NAMES = (
    "AddWhiteNoise AtariPreprocessing ClipAction ClipReward DelayObservation DiscretizeAction DiscretizeObservation "
    "DtypeObservation FilterObservation FlattenObservation FrameStackObservation GrayscaleObservation "
    "MaxAndSkipObservation NormalizeObservation NormalizeReward ObstructView OrderEnforcing PassiveEnvChecker "
    "RecordEpisodeStatistics RepeatAction RescaleAction RescaleObservation ReshapeObservation ResizeObservation "
    "StickyAction TimeAwareObservation TimeLimit"
)
LIBRARY = WrapperLibrary(
    entry_points={name: f"{getattr(wrappers, name).__module__}:{name}" for name in _NAMES.split()},
    rules=_RULES,
    displays=tuple(
        f"{wrappers.rendering.__name__}:{name}" for name in ("HumanRendering", "RecordVideo", "RenderCollection")
    ),
    tuple_arguments={"ReshapeObservation": ("shape",), "ResizeObservation": ("shape",)},
)
