"""Prepares the data of a page as JSON."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, product
from typing import Any

import numpy as np

from rltools._util import glossary
from rltools._util.files import numbered_path
from rltools._util.glossary import method_title
from rltools.attributions import is_per_feature_unit
from rltools.pages.replay._encode import packed, quantized
from rltools.pages.replay._highlights import highlights, score_unit
from rltools.pages.replay.rows import (
    Row,
    at_chosen,
    maps,
    observed_part,
    pictures,
    rows_of,
    summed,
    variables_of,
    webp_uri,
)
from rltools.recording import Attribution, Episode, Header, Recording, episode_advantages, episode_margins
from rltools.recording.parquet import read_metadata
from rltools.spaces import Features, Part
from rltools.spaces.leaves import pick
from rltools.summary.episodes import std
from rltools.targets.scores import target_meaning, target_name, target_noun

USUAL_SPEED = 30.0
"""Steps per second where the environment declares no frame rate."""
ENDINGS = {key: term.meaning for key, term in glossary.ENDINGS.items()}
"""How an episode ended, in words."""


def episodes_data(
    recording: Recording, numbers: Sequence[int], keys: list[str], title: str | None
) -> Iterator[dict[str, Any]]:
    """Everything about each episode that the page's script reads; `keys` are the attributions to show, in order.

    Raises:
        RecordingError: an episode is not explained by one of them.
        CorruptError: a file is damaged.
    """
    per_unit = any(is_per_feature_unit(recording.spec(key).unit) for key in keys)
    spread = std((episode.states for episode in recording), recording.features.size) if per_unit else None
    apart = {key: recording.distinguishing_settings(key) for key in keys}
    for number in numbers:
        yield _episode_data(recording, number, apart, title, spread)


def _episode_data(
    recording: Recording, number: int, apart: dict[str, str], title: str | None, spread: np.ndarray | None
) -> dict[str, Any]:
    header, episode, keys = recording.header, recording.episode(number), list(apart)
    if keys and recording.spec(keys[0]).decoded:
        episode = episode.decoded()
    first = recording.attribution_of(keys[0], episodes=[number]) if keys else None
    others = (recording.attribution_of(key, episodes=[number]) for key in keys[1:])  # one in memory at a time
    attributions = chain([] if first is None else [first], others)
    declared_speed = frames_per_second(recording, number)
    speed = declared_speed or USUAL_SPEED
    pictured = episode.features.has_images
    rows = rows_of(episode.features)
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
        "outcome": outcome_data(recording, number),
        "speed": speed,
        "speed_known": declared_speed is not None,
        "highlights": [vars(moment) for moment in highlights(episode, header, first, spread, speed)],
        "rewards": packed(episode.rewards),
        **_judgments(episode, header),
        "actions": _actions(recording, episode),
        "features": _features(episode.features, episode, rows),
        "texts": _texts(episode.features, episode),
        "deviations": None if spread is None or pictured else packed(spread),
        "attributions": [
            _attribution(at_chosen(attribution, episode), rows, spread, apart[key], header)
            for key, attribution in zip(keys, attributions, strict=True)
        ]
        if len(episode)
        else [],
        "frames": _frames(recording.frames(number)),
    }


def _judgments(episode: Episode, header: Header) -> dict[str, Any]:
    """What the policy takes each state to be worth, and each action's advantage and margin; None without them."""
    values, estimated = episode.values, episode_advantages(episode, header)
    margins = episode_margins(episode, header)
    return {
        "values": None
        if values is None or estimated is None
        else {"head": header.value_head, "unit": estimated.unit, "numbers": packed(values)},
        "advantages": None
        if estimated is None
        else {
            "method": estimated.method,
            "description": estimated.description,
            "assumed": list(estimated.assumed),
            "unit": estimated.unit,
            "numbers": packed(estimated.values),
        },
        "margins": None if margins is None else {"unit": score_unit(header), "numbers": packed(margins)},
    }


def frames_per_second(recording: Recording, number: int) -> float | None:
    """The frame rate of real time, as the environment declares it; None without frames."""
    path = numbered_path(recording.directory / "frames", number)
    text = read_metadata(path).get("frames_per_second") if path.is_file() else None
    return None if text is None else float(text)


def outcome_data(recording: Recording, number: int) -> dict[str, Any]:
    """How an episode went."""
    outcome = recording.outcome(number)
    total = outcome.total_reward if math.isfinite(outcome.total_reward) else None
    return vars(outcome) | {"total_reward": total, "ended": ENDINGS[outcome.ended]}


def _actions(recording: Recording, episode: Episode) -> dict[str, Any]:
    header = recording.header
    flat = _rows(episode.actions).astype(np.float64)
    return {
        "names": list(header.action_names),
        "discrete": header.action_start is not None,
        "taken": packed(flat - (header.action_start or 0)),
        "score": header.score,
        "scores": packed(_rows(episode.scores)),
        "allowed": _allowed(episode),
    }


def _allowed(episode: Episode) -> dict[str, Any] | None:
    """1 for each allowed action and 0 for the others; None unless the action mask has an element for each score."""
    if episode.masks is None or episode.masks.shape != episode.scores.shape:
        return None
    return quantized(_rows(episode.masks).astype(np.float64), np.dtype("i1"))


def _features(features: Features, episode: Episode, rows: list[Row]) -> dict[str, Any]:
    """The rows of bars, heatmap and traces, their observed values if they have any, and images."""
    single, states = [int(row.entries[0]) for row in rows if row.kind != "region"], _rows(episode.states)
    return {
        "names": [row.name for row in rows],
        "units": [row.unit for row in rows],
        "kinds": [row.kind for row in rows],
        "variables": [vars(variable) for variable in variables_of(features)],
        "values": packed(states if single == list(range(states.shape[1])) else states[:, single]),
        "images": [
            pictures(observed_part(part, episode), part) | {"first_row": _first_row(rows, part)}
            for part in features.parts
            if part.is_image and len(episode)
        ],
    }


def _first_row(rows: list[Row], part: Part) -> int:
    """The position of the first region of an image among the rows."""
    return next(position for position, row in enumerate(rows) if part.start <= row.entries[0] < part.stop)


def _texts(features: Features, episode: Episode) -> list[dict[str, Any]]:
    """The texts of the observations."""
    leaves = [leaf for leaf in features.leaves if leaf.kind == "text"]
    return [{"name": leaf.name, "values": list(map(str, pick(episode.observations, leaf)))} for leaf in leaves]


def _attribution(
    attribution: Attribution, rows: list[Row], spread: np.ndarray | None, apart: str, header: Header
) -> dict[str, Any]:
    """An attribution by row; with images, `scaled` holds the attribution times the std of each element.

    Without images the page multiplies the rows itself; for regions it has only the sums.
    """
    spec, values = attribution.spec, attribution.values.reshape(*attribution.values.shape[:2], -1)
    both = is_per_feature_unit(spec.unit) and spread is not None and attribution.features.has_images
    forms = [values, values * spread] if both else [values]
    plain, *scaled = [_packed_attribution(part, rows, attribution.features, len(forms)) for part in forms]
    return {
        "method": spec.method,
        "title": method_title(spec.method),
        "target": spec.target,
        "noun": target_noun(spec.target),
        "names": [target_name(label) for label in spec.labels],
        "meaning": target_meaning(spec.target),
        "distinction": apart,
        "labels": list(spec.labels),
        "moving": [follows_action(label, header) for label in spec.labels],
        "unit": spec.unit,
        "references": None if attribution.references is None else len(attribution.references),
        "parameters": {name: str(value) for name, value in spec.parameters.items() if value is not None},
        "every": spec.every,
        "scores": packed(attribution.scores),
        "residual": None if attribution.residual is None else packed(attribution.residual),
        "plain": plain,
        "scaled": scaled[0] if scaled else None,
    }


def follows_action(label: str, header: Header) -> bool:
    """Whether the explained scalar is of another action at each step, as in `logit:chosen`: its values are of no line.

    >>> from types import SimpleNamespace
    >>> header = SimpleNamespace(action_names=("left", "right"))
    >>> follows_action("logit:chosen", header), follows_action("logit:left", header)
    (True, False)
    """
    terms = [part.partition(":")[2].partition("[")[0] for part in label.split(" - ")]
    return any(term in ("chosen", "runner_up") and term not in header.action_names for term in terms)


def _packed_attribution(values: np.ndarray, rows: list[Row], features: Features, alike: int) -> dict[str, Any]:
    """Encode values `[step, target, element]` by row, and as a map over each image."""
    image_parts = [part for part in features.parts if part.is_image]
    # If each row is an element there is nothing to sum, and a long episode needs no copy.
    single = [row.entries.tolist() for row in rows] == [[entry] for entry in range(values.shape[-1])]
    return {
        "values": packed(values if single else summed(values, rows)),
        "maps": [
            maps(values[..., part.start : part.stop], part, arrays=alike * len(image_parts)) for part in image_parts
        ],
    }


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


def _frames(frames: list[bytes] | None) -> dict[str, Any] | None:
    if not frames:
        return None
    from PIL import Image

    fitting = fitted(frames)
    with Image.open(io.BytesIO(fitting[0])) as first:
        size = first.size
    return {"size": list(size), "images": [webp_uri(frame) for frame in fitting]}


LARGEST = 4500
"""Average bytes of a frame: with 1,000 frames a page stays under 8 MB, base64 and everything else included."""
SAMPLED = 12
_WIDTHS, _QUALITIES = (400, 320, 256, 200), (70, 50, 30)


def fitted(frames: Sequence[bytes]) -> list[bytes]:
    """WebP frames, unchanged if they are small; otherwise at the largest size and quality under the limit.

    Args:
        frames: WebP images, all of the same size.
    """
    if sum(map(len, frames)) <= LARGEST * len(frames):
        return list(frames)
    some = frames[:: max(1, len(frames) // SAMPLED)]
    width, quality = next(
        (
            choice
            for choice in product(_WIDTHS, _QUALITIES)
            if sum(len(_encoded(frame, *choice)) for frame in some) <= LARGEST * len(some)
        ),
        (_WIDTHS[-1], _QUALITIES[-1]),
    )
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda frame: _encoded(frame, width, quality), frames))


def _encoded(frame: bytes, width: int, quality: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(frame)) as opened:
        picture = opened.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=1)
    return file.getvalue()
