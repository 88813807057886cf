"""Recordings as labeled arrays and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from rltools._util.console import whole_text
from rltools.recording.attribution import Attribution
from rltools.spaces import Features, Part
from rltools.spaces.leaves import pick
from rltools.spaces.parts import without_lag

if TYPE_CHECKING:
    from rltools.recording._recording import Recording
    from rltools.recording.episode import Episode


Variables = dict[str, tuple[list[str], np.ndarray, dict[str, str]]]


def to_xarray(recording: Recording, method: str | None = None, target: str | None = None) -> xr.Dataset:
    """One Dataset of everything recorded.

    Dimensions: step (all episodes one after another, with coordinates episode and t), the features' own (feature, or
    y, x, channel), target, output (what the policy scores), action_name where actions are vectors. Variables:
    observation, action, reward, terminated, truncated, score (step, output), and `attribution_<method>` (step, target,
    feature), where a target's label is always resolved and NaN stands where something was not asked; over a window,
    `attribution_<method>_window_<n>` (step, target, lag_of_<n>, feature), with lag 0 now. A Dict or Tuple is flat along
    feature, but for its pictures, which are in their own shape, as `observation_<leaf>` and
    `attribution_<method>_<leaf>`. In the names of variables there is `_` for what files take no names of: the method
    `captum:Saliency` is in `attribution_captum_Saliency`, whose attribute `method` has the true name, and `leaf` has
    that of a leaf.

    Args:
        recording: the recording.
        method: only this method's attributions.
        target: only those of this target.
    """
    return labeled_arrays(recording, method, target, pictures_apart=True)


def labeled_arrays(recording: Recording, method: str | None, target: str | None, *, pictures_apart: bool) -> xr.Dataset:
    """See `to_xarray`; the pictures of a Dict or Tuple in their own shape, or flat with all else along feature."""
    episodes = list(recording)
    features = recording.features
    pictures = _pictures(features) if pictures_apart else {}
    kept = _beside(pictures, features.size)
    actions = _joined(episodes, "actions", ())
    score = _joined(episodes, "scores", (len(recording.header.action_names),))
    # Not "action": xarray makes coordinates of what bears the name of one of its dimensions.
    action_dims = ["action_name"] if actions.ndim == 2 else [f"action_{axis}" for axis in range(actions.ndim - 1)]
    variables: Variables = {
        **_spread("observation", ["step", *features.dims], _joined(episodes, "states", features.shape), {}, pictures),
        "action": (["step", *action_dims], actions, {}),
        "reward": (["step"], _joined(episodes, "rewards", ()), {}),
        "terminated": (["step"], _joined(episodes, "terminated", (), np.bool_), {}),
        "truncated": (["step"], _joined(episodes, "truncated", (), np.bool_), {}),
        "score": (["step", "output"], score, {"head": recording.header.score}),
    }
    lengths = [len(episode) for episode in episodes]
    coordinates: dict[str, tuple[str, np.ndarray]] = {
        "episode": ("step", np.repeat(np.array([episode.outcome.number for episode in episodes], int), lengths)),
        "t": ("step", np.concatenate([np.arange(length) for length in lengths] or [np.arange(0)])),
        "output": ("output", _names(recording.header.action_names[: score.shape[1]])),
    }
    if features.dims == ("feature",) and kept.any():
        units = features.units or [""] * features.size
        coordinates["feature"] = ("feature", _names(features.names)[kept])
        coordinates["unit"] = ("feature", _names(units)[kept])
    if features.dims == ("lag", "feature") and features.given_names:
        lags = features.lags.reshape(features.shape)[:, 0].tolist()
        latest = features.names[-features.shape[1] :]
        coordinates["lag"] = ("lag", -np.array(lags))
        coordinates["feature"] = ("feature", _names(without_lag(name, lags[-1]) for name in latest))
    if actions.ndim == 2:
        names = recording.header.action_names
        if len(names) != actions.shape[1]:  # the values of several choices, not the choices
            names = tuple(f"action[{branch}]" for branch in range(actions.shape[1]))
        coordinates["action_name"] = ("action_name", _names(names))
    leaves = safe_names(leaf.name for leaf in features.leaves)
    for leaf in features.leaves:
        if leaf.kind == "text":
            texts = [pick(episode.observations, leaf) for episode in episodes]
            said = _names(np.concatenate([np.zeros(0, object), *texts]))
            name = f"observation_{leaves[leaf.name]}" if leaf.name else "observation"
            variables[name] = (["step"], said, {"leaf": leaf.name})
    numbers = [episode.outcome.number for episode in episodes]
    asked = _chosen(recording, method, target, numbers)
    labels = list(dict.fromkeys(label for found in asked.values() for label in found.labels))
    if labels:
        coordinates["target"] = ("target", _names(labels))
    by_name = _by_name(asked)
    names_of = safe_names(by_name)
    for name, found in by_name.items():
        dims, values, attributes = _attributed(found, labels)
        variables |= _spread(f"attribution_{names_of[name]}", dims, values, attributes, pictures)
        if window := found[0].spec.window:
            coordinates[f"lag_of_{window}"] = (f"lag_of_{window}", np.arange(1 - window, 1))
    return xr.Dataset(variables, coords=coordinates, attrs=_attributes(recording))


def _names(names: Iterable[str]) -> np.ndarray:
    """Names as xarray and pandas take them."""
    return np.array([whole_text(name) for name in names], dtype=object)


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Names of letters, digits, `_` and `-` for names that may hold anything; others for others."""
    found: dict[str, str] = {}
    for name in names:
        safe = re.sub(r"[^\w-]", "_", name)
        while safe in found.values():
            safe += "_"
        found[name] = safe
    return found


def _attributed(found: list[Attribution], labels: list[str]) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """The variable of one method."""
    features, window = found[0].features, found[0].spec.window
    values = np.full(
        (len(found[0].values), len(labels), *features.shape), np.nan, np.result_type(*(one.values for one in found))
    )
    for one in found:
        values[:, [labels.index(label) for label in one.labels]] = one.values
    dims = [f"lag_of_{window}", *features.dims[1:]] if window else list(features.dims)
    separated = found[0].spec.separated
    attributes = {"unit": found[0].unit, "method": found[0].method}
    return ["step", "target", *dims], values, attributes | ({"separates": ", ".join(separated)} if separated else {})


def _pictures(features: Features) -> dict[str, Part]:
    """The pictures in a Dict or Tuple, by what their variables are called."""
    if not features.is_nested:
        return {}
    names = safe_names(leaf.name for leaf in features.leaves)
    return {names[part.leaf.name]: part for part in features.parts if len(part.shape) > 1}


def _beside(pictures: Mapping[str, Part], size: int) -> np.ndarray:
    """What is in no picture, bool `[feature]`."""
    kept = np.ones(size, bool)
    for part in pictures.values():
        kept[part.start : part.stop] = False
    return kept


def _spread(
    name: str, dims: list[str], values: np.ndarray, attributes: dict[str, str], pictures: Mapping[str, Part]
) -> Variables:
    """A variable without the pictures in it, unless nothing else is, and one for each picture in its own shape."""
    if not pictures:
        return {name: (dims, values, attributes)}
    kept = _beside(pictures, values.shape[-1])
    found: Variables = {name: (dims, values[..., kept], attributes)} if kept.any() else {}
    for leaf, part in pictures.items():
        own = [f"{leaf}_{axis}" for axis in part.dims]
        found[f"{name}_{leaf}"] = ([*dims[:-1], *own], _of_part(values, part), attributes | {"leaf": part.leaf.name})
    return found


def _of_part(values: np.ndarray, part: Part) -> np.ndarray:
    """The entries of one leaf, `[..., entry]`, in its own shape."""
    return values[..., part.start : part.stop].reshape(*values.shape[:-1], *part.shape)


def _joined(episodes: list[Episode], name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """One field of all episodes; without any, no rows of this shape and dtype."""
    return np.concatenate([getattr(episode, name) for episode in episodes] or [np.zeros((0, *shape), dtype)])


def _chosen(recording: Recording, method: str | None, target: str | None, numbers: list[int]) -> dict[str, Attribution]:
    """The attributions that fit, by the name of their folder."""
    if method is not None or target is not None:
        recording.find(method, target)  # says what there is where nothing fits
    return {
        key: recording.attribution_of(key, episodes=numbers)
        for key, asked in recording.specs.items()
        if method in (None, asked.method) and target in (None, asked.target)
    }


def _by_name(asked: dict[str, Attribution]) -> dict[str, list[Attribution]]:
    """The method and window, for each; where a scalar was asked in several ways, each by the name of its folder."""
    ways: dict[tuple[str, int, str], set[str]] = {}
    for found in asked.values():
        for label in found.labels:
            ways.setdefault((found.method, found.spec.window, label), set()).add(_way(found))
    variables: dict[str, list[Attribution]] = {}
    for key, found in asked.items():
        over = f"_window_{found.spec.window}" if found.spec.window else ""
        alone = all(len(ways[found.method, found.spec.window, label]) == 1 for label in found.labels)
        variables.setdefault(f"{found.method}{over}" if alone else key, []).append(found)
    return variables


def _way(found: Attribution) -> str:
    """All that was asked beside the target; two targets may share a scalar, whose attribution is then the same."""
    return f"{sorted(found.spec.parameters.items())} {found.spec.every}"


def _attributes(recording: Recording) -> dict[str, str]:
    header = recording.header
    return {
        "policy": whole_text(header.policy),
        "policy_sha256": header.policy_sha256,
        "environment": whole_text(header.environment_id),
    }


WIDE_LIMIT = 1000
"""Observations of more entries than this, images above all, have no columns of their own in a table."""


def to_pandas(recording: Recording, method: str | None = None, target: str | None = None) -> pd.DataFrame:
    """One row a step: episode, t, each feature, action, reward, each score, each attribution.

    Columns are named `observation.<feature>`, `score.<action>` and `<method>.<target>.<feature>`. Observations of more
    than 1,000 entries, images above all, and their attributions are left out, and so are those over windows:
    `to_xarray` has them.

    Args:
        recording: the recording.
        method: only this method's attributions.
        target: only those of this target.
    """
    labeled = labeled_arrays(recording, method, target, pictures_apart=False)
    wide = recording.features.size <= WIDE_LIMIT
    columns: dict[str, np.ndarray] = {"episode": labeled["episode"].values, "t": labeled["t"].values}
    if wide:
        columns |= _columns("observation", labeled["observation"].values, recording.features.names)
    columns |= _columns("action", labeled["action"].values, recording.header.action_names)
    for name in ("reward", "terminated", "truncated"):
        columns[name] = labeled[name].values
    columns |= _columns("score", labeled["score"].values, tuple(labeled["output"].values))
    for variable in map(str, labeled.data_vars) if wide else ():
        if variable.startswith("attribution_") and labeled[variable].dims == (
            "step",
            "target",
            *recording.features.dims,
        ):
            for at, label in enumerate(labeled["target"].values):
                prefix = f"{_true_name(variable, labeled[variable].attrs['method'])}.{label}"
                found = _columns(prefix, labeled[variable].values[:, at], recording.features.names)
                columns |= {column: part for column, part in found.items() if not np.isnan(part).all()}
    return pd.DataFrame(columns)


def _true_name(variable: str, method: str) -> str:
    """The method's own name; of one that was asked in several ways, the name of the folder."""
    name = variable.removeprefix("attribution_")
    return method if name == safe_names([method])[method] else name


def _columns(prefix: str, values: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    if values.ndim == 1:
        return {prefix: values}
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    named = names if len(names) == flat.shape[1] else tuple(map(str, range(flat.shape[1])))
    return {whole_text(f"{prefix}.{name}"): flat[:, at] for at, name in enumerate(named)}
