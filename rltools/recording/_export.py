"""Exports recordings as labeled arrays and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from rltools._util.console import whole_text
from rltools.recording._advantages import episode_advantages, episode_margins
from rltools.recording._folder import RecordingFolder
from rltools.recording._header import Header
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.recording.episode import Episode
from rltools.recording.names import safe_names
from rltools.spaces import Features, Part
from rltools.spaces.leaves import pick
from rltools.spaces.parts import without_lag

Variables = dict[str, tuple[list[str], np.ndarray, dict[str, str]]]
"""Dimensions, values and attributes of each variable of a Dataset."""


def to_xarray(recording: RecordingFolder, method: str | None = None, target: str | None = None) -> xr.Dataset:
    """The whole recording as one Dataset.

    Dimensions: step (all episodes one after another, with coordinates episode and t), those of the features (feature,
    or y, x, channel), target, output (of the policy's head), and action_name if actions are vectors. Variables:
    observation, action, reward, terminated, truncated, score (step, output), value, advantage and margin where they are
    defined (see `Episode.values`, `advantages` and `margins`), and `attribution_<method>` (step, target,
    feature), with resolved labels of targets and NaN for steps that were not explained; over a window,
    `attribution_<method>_window_<n>` (step, target, lag_of_<n>, feature), with lag 0 now; of the factors of choices,
    along decoded_feature. A Dict or Tuple is flat along
    feature, except for its images, which have their own shape, as `observation_<leaf>` and
    `attribution_<method>_<leaf>`. In the names of variables `_` replaces characters that file names cannot hold: the
    method `captum:Saliency` is `attribution_captum_Saliency`, whose attributes `method` and `leaf` have the original
    names.

    Args:
        recording: the recording.
        method: only this method's attributions.
        target: only the attributions of this target.
    """
    return labeled_arrays(recording, method, target, separate_images=True)


def labeled_arrays(
    recording: RecordingFolder, method: str | None, target: str | None, *, separate_images: bool
) -> xr.Dataset:
    """The Dataset of `to_xarray`, with the images of a Dict or Tuple in their own shape, or flat along feature."""
    episodes = list(recording)
    features = recording.features
    images = _images(features) if separate_images else {}
    flat = _outside_images(images, features.size)
    actions = _concatenated(episodes, "actions", ())
    score = _concatenated(episodes, "scores", (len(recording.header.action_names),))
    # Not "action": xarray turns a variable with the name of one of its dimensions into a coordinate.
    action_dims = ["action_name"] if actions.ndim == 2 else [f"action_{axis}" for axis in range(actions.ndim - 1)]
    variables: Variables = {
        **_split_images(
            "observation", ["step", *features.dims], _concatenated(episodes, "states", features.shape), {}, images
        ),
        "action": (["step", *action_dims], actions, {}),
        "reward": (["step"], _concatenated(episodes, "rewards", ()), {}),
        "terminated": (["step"], _concatenated(episodes, "terminated", (), np.bool_), {}),
        "truncated": (["step"], _concatenated(episodes, "truncated", (), np.bool_), {}),
        "score": (["step", "output"], score, {"head": recording.header.score}),
        **_judgments(episodes, recording.header),
    }
    lengths = [len(episode) for episode in episodes]
    coordinates: dict[str, tuple[str, np.ndarray]] = {
        "episode": ("step", np.repeat(np.array([episode.outcome.number for episode in episodes], int), lengths)),
        "t": ("step", np.concatenate([np.arange(length) for length in lengths] or [np.arange(0)])),
        "output": ("output", _names(recording.header.action_names[: score.shape[1]])),
    }
    if features.dims == ("feature",) and flat.any():
        units = features.units or [""] * features.size
        coordinates["feature"] = ("feature", _names(features.names)[flat])
        coordinates["unit"] = ("feature", _names(units)[flat])
    if features.dims == ("lag", "feature") and features.given_names:
        lags = features.lags.reshape(features.shape)[:, 0].tolist()
        latest = features.names[-features.shape[1] :]
        coordinates["lag"] = ("lag", -np.array(lags))
        coordinates["feature"] = ("feature", _names(without_lag(name, lags[-1]) for name in latest))
    if actions.ndim == 2:
        names = recording.header.action_names
        if len(names) != actions.shape[1]:  # one name per value of several choices
            names = tuple(f"action[{branch}]" for branch in range(actions.shape[1]))
        coordinates["action_name"] = ("action_name", _names(names))
    leaves = safe_names(leaf.name for leaf in features.leaves)
    for leaf in features.leaves:
        if leaf.kind == "text":
            texts = [pick(episode.observations, leaf) for episode in episodes]
            joined = _names(np.concatenate([np.zeros(0, object), *texts]))
            name = f"observation_{leaves[leaf.name]}" if leaf.name else "observation"
            variables[name] = (["step"], joined, {"leaf": leaf.name})
    numbers = [episode.outcome.number for episode in episodes]
    attributions = _matching(recording, method, target, numbers)
    labels = list(dict.fromkeys(label for attribution in attributions.values() for label in attribution.labels))
    if labels:
        coordinates["target"] = ("target", _names(labels))
    by_variable = _by_variable(attributions)
    variable_names = safe_names(by_variable)
    for name, parts in by_variable.items():
        dims, values, attributes = _joined_targets(parts, labels)
        variable = f"attribution_{variable_names[name]}"
        if parts[0].spec.decoded:
            variables[variable] = (dims, values, attributes)
            coordinates[DECODED] = (DECODED, _names(features.decoded.names))
        else:
            variables |= _split_images(variable, dims, values, attributes, images)
        if window := parts[0].spec.window:
            coordinates[f"lag_of_{window}"] = (f"lag_of_{window}", np.arange(1 - window, 1))
    return xr.Dataset(variables, coords=coordinates, attrs=_attributes(recording))


def _judgments(episodes: list[Episode], header: Header) -> Variables:
    """Value, advantage and margin of each step, those of them that any episode has; NaN in episodes that have none."""
    columns: dict[str, list[np.ndarray | None]] = {
        "value": [None if episode.values is None else episode.values[:-1] for episode in episodes],
        "advantage": [
            None if (estimated := episode_advantages(episode, header)) is None else estimated.values
            for episode in episodes
        ],
        "margin": [episode_margins(episode, header) for episode in episodes],
    }
    lengths = [len(episode) for episode in episodes]
    return {
        name: (
            ["step"],
            np.concatenate(
                [
                    np.full(length, np.nan, np.float32) if part is None else part
                    for length, part in zip(lengths, parts, strict=True)
                ]
            ),
            {},
        )
        for name, parts in columns.items()
        if any(part is not None for part in parts)
    }


DECODED = "decoded_feature"
"""The dimension of attributions of factors, which the elements of choices are decoded to."""


def _names(names: Iterable[str]) -> np.ndarray:
    """Names as the object array that xarray and pandas take."""
    return np.array([whole_text(name) for name in names], dtype=object)


def _joined_targets(parts: list[Attribution], labels: list[str]) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """The variable of one method, joined from its attributions of different targets."""
    first = parts[0]
    features, window, separated = first.features, first.spec.window, first.spec.separated
    dtype = np.result_type(*(part.values for part in parts))
    values = np.full((len(first.values), len(labels), *features.shape), np.nan, dtype)
    for part in parts:
        values[:, [labels.index(label) for label in part.labels]] = part.values
    of_one = features.dims[1:] if window else features.dims
    dims = [*([f"lag_of_{window}"] if window else []), *([DECODED] if first.spec.decoded else of_one)]
    attributes = {"unit": first.unit, "method": first.method}
    return ["step", "target", *dims], values, attributes | ({"separates": ", ".join(separated)} if separated else {})


def _images(features: Features) -> dict[str, Part]:
    """The images in a Dict or Tuple, by the suffix of their variables."""
    if not features.is_nested:
        return {}
    names = safe_names(leaf.name for leaf in features.leaves)
    return {names[part.leaf.name]: part for part in features.parts if len(part.shape) > 1}


def _outside_images(images: Mapping[str, Part], size: int) -> np.ndarray:
    """The features that are in no image, bool `[feature]`."""
    outside = np.ones(size, bool)
    for part in images.values():
        outside[part.start : part.stop] = False
    return outside


def _split_images(
    name: str, dims: list[str], values: np.ndarray, attributes: dict[str, str], images: Mapping[str, Part]
) -> Variables:
    """A variable split into one for each image, in its own shape, and one for all other features, if there are any."""
    if not images:
        return {name: (dims, values, attributes)}
    outside = _outside_images(images, values.shape[-1])
    variables: Variables = {name: (dims, values[..., outside], attributes)} if outside.any() else {}
    for leaf, part in images.items():
        image_dims = [*dims[:-1], *(f"{leaf}_{axis}" for axis in part.dims)]
        image = values[..., part.start : part.stop].reshape(*values.shape[:-1], *part.shape)
        variables[f"{name}_{leaf}"] = (image_dims, image, attributes | {"leaf": part.leaf.name})
    return variables


def _concatenated(episodes: list[Episode], name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """One attribute of all episodes, one after another; without episodes, zero rows of this shape and dtype."""
    return np.concatenate([getattr(episode, name) for episode in episodes] or [np.zeros((0, *shape), dtype)])


def _matching(
    recording: RecordingFolder, method: str | None, target: str | None, numbers: list[int]
) -> dict[str, Attribution]:
    """The attributions that match, by key."""
    if method is not None or target is not None:
        recording.find(method, target)  # raises if nothing matches
    return {
        key: recording.attribution_of(key, episodes=numbers)
        for key, spec in recording.specs.items()
        if method in (None, spec.method) and target in (None, spec.target)
    }


def _by_variable(attributions: dict[str, Attribution]) -> dict[str, list[Attribution]]:
    """The attributions of each variable: those of one method and window.

    If a scalar was explained with several settings, each has a variable of its own, named by its key.
    """
    settings: dict[tuple[str, int, str], set[str]] = {}
    for spec in (attribution.spec for attribution in attributions.values()):
        for label in spec.labels:
            settings.setdefault((spec.method, spec.window, label), set()).add(_settings(spec))
    variables: dict[str, list[Attribution]] = {}
    for key, attribution in attributions.items():
        spec = attribution.spec
        over = f"_window_{spec.window}" if spec.window else ""
        unique = all(len(settings[spec.method, spec.window, label]) == 1 for label in spec.labels)
        variables.setdefault(f"{spec.method}{over}" if unique else key, []).append(attribution)
    return variables


def _settings(spec: AttributionSpec) -> str:
    """All settings but the target: two targets may share a scalar, whose attribution is then the same."""
    return f"{sorted(spec.parameters.items())} {spec.every}"


def _attributes(recording: RecordingFolder) -> dict[str, str]:
    header = recording.header
    return {
        "policy": whole_text(header.policy),
        "policy_sha256": header.policy_sha256,
        "environment": whole_text(header.environment_id),
    }


WIDE_LIMIT = 1000
"""Observations of more elements than this, images above all, have no columns in a table."""


def to_pandas(recording: RecordingFolder, method: str | None = None, target: str | None = None) -> pd.DataFrame:
    """One row per step: episode, t, each feature, action, reward, value, advantage, margin, scores, attributions.

    Columns are named `observation.<feature>`, `score.<action>` and `<method>.<target>.<feature>`. Observations of more
    than 1,000 elements, images above all, and their attributions are left out, and so are attributions over windows:
    `to_xarray` has them.

    Args:
        recording: the recording.
        method: only this method's attributions.
        target: only the attributions of this target.
    """
    labeled = labeled_arrays(recording, method, target, separate_images=False)
    wide = recording.features.size <= WIDE_LIMIT
    columns: dict[str, np.ndarray] = {"episode": labeled["episode"].values, "t": labeled["t"].values}
    if wide:
        columns |= _columns("observation", labeled["observation"].values, recording.features.names)
    columns |= _columns("action", labeled["action"].values, recording.header.action_names)
    for name in ("reward", "terminated", "truncated", "value", "advantage", "margin"):
        if name in labeled:
            columns[name] = labeled[name].values
    columns |= _columns("score", labeled["score"].values, tuple(labeled["output"].values))
    for variable in map(str, labeled.data_vars) if wide else ():
        if variable.startswith("attribution_") and labeled[variable].dims == (
            "step",
            "target",
            *recording.features.dims,
        ):
            for index, label in enumerate(labeled["target"].values):
                prefix = f"{_original_name(variable, labeled[variable].attrs['method'])}.{label}"
                explained = _columns(prefix, labeled[variable].values[:, index], recording.features.names)
                columns |= {column: part for column, part in explained.items() if not np.isnan(part).all()}
    return pd.DataFrame(columns)


def _original_name(variable: str, method: str) -> str:
    """The method of a variable, or the key that it is named after."""
    name = variable.removeprefix("attribution_")
    return method if name == safe_names([method])[method] else name


def _columns(prefix: str, values: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    if values.ndim == 1:
        return {prefix: values}
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    named = names if len(names) == flat.shape[1] else tuple(map(str, range(flat.shape[1])))
    return {whole_text(f"{prefix}.{name}"): flat[:, index] for index, name in enumerate(named)}
