"""What a page shows, as JSON."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from rltools.features import Features
from rltools.recording import Attribution, Episode, Recording
from rltools.recording._columns import read_metadata
from rltools.recording._files import numbered_path
from rltools.replays._packing import packed
from rltools.replays._pictures import maps, over_channels, pictures, regions, webp_uri

_USUAL_SPEED = 30.0
_ENDINGS = {
    "terminated": "terminated by the environment",
    "truncated": "truncated by the environment",
    "limit": "stopped at the step limit",
    "fault": "stopped by a fault",
}


def page_data(recording: Recording, number: int, keys: list[str], title: str | None) -> dict[str, Any]:
    """Everything about one episode that the page's script reads; `keys` are the attributions to show, in order.

    Raises:
        RecordingError: the episode is not explained by one of them.
        CorruptError: a file is damaged.
    """
    header, episode = recording.header, recording.episode(number)
    found = [recording.attribution_of(key, episodes=[number]) for key in keys]
    speed = _frames_per_second(recording, number)
    standardised = not recording.features.is_image and any(part.unit == "score per unit" for part in found)
    return {
        "title": title or header.policy,
        "policy": header.policy,
        "sha256": header.policy_sha256,
        "library": header.library,
        "notes": list(header.notes),
        "versions": {name: str(version) for name, version in header.versions.items()},
        "environment": header.environment_id,
        "recording": recording.directory.name,
        "deterministic": header.deterministic,
        "outcome": _outcome(episode),
        "speed": speed or _USUAL_SPEED,
        "speed_known": speed is not None,
        "rewards": packed(episode.rewards),
        "actions": _actions(recording, episode),
        "features": _features(recording.features, episode),
        "deviations": _deviations(recording) if standardised else None,
        "attributions": [_attribution(part) for part in found] if len(episode) else [],
        "frames": _frames(recording.frames(number)),
    }


def _frames_per_second(recording: Recording, number: int) -> float | None:
    """At which the frames are real time, as the environment said; None where no frames were kept."""
    path = numbered_path(recording.directory / "frames", number)
    text = read_metadata(path).get("frames_per_second") if path.is_file() else None
    return None if text is None else float(text)


def _outcome(episode: Episode) -> dict[str, Any]:
    outcome = episode.outcome
    total = outcome.total_reward if math.isfinite(outcome.total_reward) else None
    return vars(outcome) | {"total_reward": total, "steps": len(episode), "ended": _ENDINGS[outcome.ended]}


def _actions(recording: Recording, episode: Episode) -> dict[str, Any]:
    header = recording.header
    flat = _rows(episode.actions).astype(np.float64)
    return {
        "names": list(header.action_names),
        "discrete": header.action_start is not None,
        "taken": packed(flat - (header.action_start or 0)),
        "score": header.score,
        "scores": packed(_rows(episode.scores)),
    }


def _features(features: Features, episode: Episode) -> dict[str, Any]:
    """Names and units of what bars, heatmap and traces have a row for, and the observed values where there is one."""
    if features.is_image:
        shape = tuple(features.shape[features.dims.index(axis)] for axis in ("y", "x"))
        return {
            "names": [name for name, _ in regions(shape)],
            "units": [],
            "values": None,
            "pictures": pictures(episode.observations, features.dims),
            "size": shape,
        }
    return {
        "names": list(features.names),
        "units": list(features.units),
        "values": packed(_rows(episode.states)),
        "pictures": None,
        "size": None,
    }


def _attribution(found: Attribution) -> dict[str, Any]:
    question, features = found.question, found.features
    entry = {
        "method": question.method,
        "target": question.target,
        "labels": list(question.labels),
        "unit": question.unit,
        "parameters": {name: str(value) for name, value in question.parameters.items()},
        "every": question.every,
        "scores": packed(found.scores),
        "residual": None if found.residual is None else packed(found.residual),
        "maps": maps(found.values, features) if features.is_image else None,
    }
    if features.is_image:
        plain = over_channels(found.values, features)
        flat = plain.reshape(*plain.shape[:2], -1)
        sums = [flat[:, :, positions].sum(axis=2) for _, positions in regions(plain.shape[2:])]
        return entry | {"values": packed(np.stack(sums, axis=2))}
    return entry | {"values": packed(found.values.reshape(*found.values.shape[:2], -1))}


def _deviations(recording: Recording) -> dict[str, Any] | None:
    """The standard deviation of each feature over all recorded states; None where there are none."""
    parts = [_rows(episode.states).astype(np.float64) for episode in recording if len(episode)]
    if not parts:
        return None
    counts = np.array([len(part) for part in parts])[:, None]
    means, variances = np.array([part.mean(0) for part in parts]), np.array([part.var(0) for part in parts])
    mean = (counts * means).sum(0) / counts.sum()
    return packed(np.sqrt((counts * (variances + (means - mean) ** 2)).sum(0) / counts.sum()))


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


def _frames(frames: list[bytes] | None) -> dict[str, Any] | None:
    if not frames:
        return None
    from PIL import Image

    with Image.open(io.BytesIO(frames[0])) as first:
        size = first.size
    return {"size": list(size), "pictures": [webp_uri(frame) for frame in frames]}
