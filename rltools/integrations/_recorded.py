"""What exporters share: arrays of an episode, its attributions by name, and their description."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from rltools._util.files import numbered_path
from rltools.recording import Episode, Recording, recorded_leaves
from rltools.recording.names import safe_names
from rltools.recording.parquet import read_metadata
from rltools.spaces.leaves import Leaf, map_leaves, nest, pick

if TYPE_CHECKING:
    from gymnasium import Space


MOST_NAMES = 1000
"""The most features whose names are written: those of pixels are numbers."""


def attribution_names(recording: Recording) -> dict[str, str]:
    """A name for each attribution, by its key: that of its method, unless several have it; then the key.

    Names are letters, digits, `_` and `-`.
    """
    specs = recording.specs
    methods = [spec.method for spec in specs.values()]
    names = {key: spec.method if methods.count(spec.method) == 1 else key for key, spec in specs.items()}
    safe = safe_names(names.values())
    return {key: safe[name] for key, name in names.items()}


def attribution_columns(recording: Recording, number: int) -> dict[str, np.ndarray]:
    """The attributions of an episode by name, `[step, target, *feature]`; NaN for steps that were not explained."""
    return {
        name: recording.attribution_of(key, episodes=[number]).values
        for key, name in attribution_names(recording).items()
        if (recording.directory / "attributions" / key / f"{number:06d}.parquet").is_file()
    }


def steps_per_second(recording: Recording, default: float = 30.0) -> float:
    """The rate of the recorded frames, at which the environment runs in real time; without frames the default."""
    for number in recording.numbers:
        path = numbered_path(recording.directory / "frames", number)
        if path.is_file():
            return float(read_metadata(path).get("frames_per_second", default))
    return default


def with_final_observation(episode: Episode) -> Episode | None:
    """An episode with an observation after its last action; without its last step if that ended by a fault.

    None if nothing is left.
    """
    if episode.final_observation is not None and episode.outcome.ended != "fault":
        return episode
    steps = len(episode) - 1
    if steps < 1:
        return None
    leaves = recorded_leaves(episode.features)
    names = ("actions", "rewards", "scores", "terminated", "truncated", "masks", "recurrent_states", "choices")
    rows: dict[str, Any] = {name: getattr(episode, name) for name in names}
    rows = {name: None if values is None else values[:steps] for name, values in rows.items()}
    rows["observations"] = map_leaves(lambda _, values: values[:steps], episode.observations, leaves)
    rows["final_observation"] = map_leaves(lambda _, values: values[steps], episode.observations, leaves)
    return replace(episode, **rows)


def all_observations(episode: Episode) -> Any:
    """The observations of an episode, with the one after its last action: `[step + 1, *observation]`."""
    final = episode.final_observation

    def joined(leaf: Leaf, values: np.ndarray) -> Any:
        if leaf.kind == "text":
            return [*map(str, values), str(pick(final, leaf))]
        return np.concatenate([values, np.asarray(pick(final, leaf), values.dtype)[None]])

    return map_leaves(joined, episode.observations, recorded_leaves(episode.features))


def description(recording: Recording) -> dict[str, Any]:
    """What a reader of an export needs to understand it, as JSON: policy, names, units, attributions."""
    header, features = recording.header, recording.features
    names: dict[str, list[str]] = {}
    if features.given_names and features.size <= MOST_NAMES:
        names = {part.leaf.name: list(features.names[part.start : part.stop]) for part in features.parts}
    specs = recording.specs
    return {
        "policy": header.policy,
        "policy_sha256": header.policy_sha256,
        "environment": header.environment_text,
        "data": header.data,
        "names": names,
        "units": list(features.units),
        "action_names": list(header.action_names),
        "score": header.score,
        "attributions": {
            name: {
                "key": key,
                "method": specs[key].method,
                "target": specs[key].target,
                "labels": list(specs[key].labels),
                "unit": specs[key].unit,
                "parameters": specs[key].parameters,
                "every": specs[key].every,
            }
            for key, name in attribution_names(recording).items()
        },
        "versions": header.versions,
    }


def recorded_spaces(recording: Recording) -> tuple[Space[Any], Space[Any]]:
    """Spaces of observations and actions that hold what a recording holds, without the bounds of its environment."""
    first = recording.episode(recording.outcomes()[0].number)
    header = recording.header
    own = recorded_leaves(recording.features)
    observed = nest([(leaf, _space(leaf, pick(first.observations, leaf))) for leaf in own])
    actions = first.actions
    acted: Space[Any] = spaces.Box(-np.inf, np.inf, actions.shape[1:], actions.dtype.type)
    if header.action_start is not None:
        acted = spaces.Discrete(len(header.action_names), start=header.action_start)
    elif header.branches:
        acted = spaces.MultiDiscrete(np.reshape(header.branches, actions.shape[1:]), dtype=actions.dtype.type)
    return _as_space(observed), acted


def _space(leaf: Leaf, values: np.ndarray) -> Space[Any]:
    if leaf.kind == "text":
        return spaces.Text(1 << 12)
    if leaf.kind == "choice":
        if not leaf.shape:
            return spaces.Discrete(leaf.sizes[0], start=leaf.starts[0])
        starts = np.reshape(leaf.starts, leaf.shape)
        return spaces.MultiDiscrete(np.reshape(leaf.sizes, leaf.shape), dtype=values.dtype.type, start=starts)
    dtype = values.dtype
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, leaf.shape, dtype.type)
    if dtype.kind == "b":
        return spaces.Box(0, 1, leaf.shape, np.int8)
    limits = np.iinfo(dtype)
    return spaces.Box(limits.min, limits.max, leaf.shape, dtype.type)


def _as_space(nested: Any) -> Space[Any]:
    """The Dict or Tuple space of a structure with a space at each leaf."""
    if isinstance(nested, dict):
        return spaces.Dict({str(key): _as_space(part) for key, part in nested.items()})
    if isinstance(nested, tuple):
        return spaces.Tuple([_as_space(part) for part in nested])
    space: Space[Any] = nested
    return space


def as_png(pixels: np.ndarray) -> bytes:
    """An image `[y, x, channel]` of uint8 as PNG, which loses nothing."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
