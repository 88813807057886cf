"""The steps that a report shows beside its pictures: observed values, attributions, the action, and the frame.

The page carries every explained step of its episodes, and the script beside it shows the one that is pointed at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from rltools._util.glossary import ENDINGS
from rltools._util.text import capitalized
from rltools.errors import RltoolsError
from rltools.pages.replay._encode import packed, quantized
from rltools.pages.replay.rows import maps, observed_part, pictures, summed, webp_uri
from rltools.pages.report._rows import ShownRow, shown_rows
from rltools.recording import Episode, Recording
from rltools.summary import DECISION, Summary, method_name
from rltools.targets.scores import target_name

FRAME_BYTES = 420_000
"""Bytes of all frames of the page together; a long episode keeps every second of them, or fewer."""
NUMBERS = 600_000
"""The most numbers of the page; the steps of many long episodes are thinned out."""
IMAGE_STEPS = 1_500
"""The most steps whose observed images are on the page."""
_SIZES = tuple(product((288, 240, 192), (60, 40)))
"""Widths in pixels and qualities of frames, the best first."""
_SAMPLED = 8
FULL = 0.99
"""The share of all bars that are drawn whole; longer ones are cut, and say so."""


@dataclass(frozen=True)
class Player:
    """What the script reads: what holds for all episodes, and the steps of each.

    Attributes:
        index: the names of rows and actions, and what the bars are.
        episodes: for each episode its steps, packed.
    """

    index: dict[str, Any]
    episodes: tuple[dict[str, Any], ...]


def player(recording: Recording, main: Summary, summaries: Sequence[Summary], replays: dict[int, str]) -> Player | None:
    """The steps of all episodes that can be read, by the attribution that leads the page; None without such steps.

    Args:
        recording: the recording.
        main: the summary that leads the page.
        summaries: of all attributions; changes of the decision are shown beside the main one.
        replays: the files of replays, relative to the page, by the numbers of their episodes.
    """
    rows = shown_rows(recording, main)
    if main.n == 0 or not rows:
        return None
    header = recording.header
    decision = _beside(recording, main, summaries)
    numbers = [outcome.number for outcome in main.outcomes if outcome.steps]
    width = len(rows) * 3 + len(header.action_names) + 4
    steps = {number: explained_steps(recording, main.key, number) for number in numbers}
    every = max(1, -(-sum(map(len, steps.values())) * width // NUMBERS))
    budget = Frames(recording, [number for number in numbers if number in replays])
    pictured = sum(map(len, steps.values())) <= IMAGE_STEPS
    episodes, sizes, largest = [], [np.zeros(0)], np.zeros(len(rows))
    for number in numbers:
        chosen = steps[number] if number in replays else steps[number][::every]
        episode = recording.episode(number)
        states = recording.encoded_observations(main.key, episode).reshape(len(episode), -1)[chosen]
        values = np.stack([row.observed(states) for row in rows], axis=1)
        scaled = _attributions(recording, number, chosen, main)
        added = summed(scaled, rows)
        sizes.append(np.abs(added[np.isfinite(added)]))
        largest = np.maximum(largest, np.abs(np.nan_to_num(values)).max(axis=0, initial=0.0))
        episodes.append(
            {
                **_episode(recording, episode, chosen),
                "values": [quantized(column, np.dtype("<i2")) for column in values.T],
                "attributions": quantized(added, np.dtype("<i2")),
                "targets": quantized(_targets(recording, number, chosen, main), np.dtype("<i2")),
                "decisions": None if decision is None else _decisions(recording, number, chosen, rows, decision),
                **_images(recording, episode, chosen, scaled, included=pictured or number in replays),
                "replay": replays.get(number, ""),
                "frames": budget.images(number),
            }
        )
    joined = np.concatenate(sizes)
    index = {
        "rows": [{"name": row.name, "unit": row.unit, "choices": list(row.choices)} for row in rows],
        "actions": list(header.action_names),
        "discrete": header.action_start is not None,
        "score": header.score,
        "labels": [capitalized(target_name(label).removeprefix("the ")) for label in main.labels],
        "method": method_name(main),
        "unit": main.unit,
        # Without zeros: most choices of a long list have no attribution at any step.
        "scale": float(np.quantile(joined[joined > 0], FULL)) if (joined > 0).any() else 1.0,
        "valueScales": largest.tolist(),
        "decides": decision is not None,
        "environment": header.environment_id,
    }
    return Player(index, tuple(episodes))


def _beside(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> Summary | None:
    """The changes of the decision by the same elements as the main attribution; None if there are no such.

    Of a choice that a card decodes, one attribution may be of its factors and the other of its values.
    """
    names = recording.features_of(main.key).names
    changes = (each for each in summaries if each.target == DECISION and each.key != main.key)
    return next((each for each in changes if recording.features_of(each.key).names == names), None)


def explained_steps(recording: Recording, key: str, number: int) -> np.ndarray:
    """The steps of an episode that an attribution explains: int64 `[k]`."""
    attribution = recording.attribution_of(key, episodes=[number])
    finite = np.isfinite(attribution.values.reshape(len(attribution), -1)).all(axis=1)
    return np.flatnonzero(finite)


def _attributions(recording: Recording, number: int, steps: np.ndarray, main: Summary) -> np.ndarray:
    """Attributions `[step, target, element]` as the page compares them: times the std if they are per unit."""
    attribution = recording.attribution_of(main.key, episodes=[number])
    values = attribution.values.reshape(*attribution.values.shape[:2], -1)[steps]
    return np.asarray(values if main.std is None else values * main.std)


def _targets(recording: Recording, number: int, steps: np.ndarray, main: Summary) -> np.ndarray:
    return np.asarray(recording.attribution_of(main.key, episodes=[number]).scores[steps])


def _episode(recording: Recording, episode: Episode, steps: np.ndarray) -> dict[str, Any]:
    """How an episode went, and what the policy did at some of its steps."""
    header, outcome = recording.header, episode.outcome
    scores = episode.scores.reshape(len(episode), -1)[steps].astype(np.float64)
    if episode.masks is not None and episode.masks.shape == episode.scores.shape:
        scores = np.where(episode.masks.reshape(len(episode), -1)[steps], scores, np.nan)
    taken = episode.actions.reshape(len(episode), -1)[steps].astype(np.float64) - (header.action_start or 0)
    return {
        "number": outcome.number,
        "total": len(episode),
        "return": outcome.total_reward if np.isfinite(outcome.total_reward) else None,
        "ended": ENDINGS[outcome.ended].meaning,
        "steps": packed(steps.astype(np.float64)),
        "taken": packed(taken),
        "scores": quantized(scores, np.dtype("<i2")),
    }


def _images(
    recording: Recording, episode: Episode, steps: np.ndarray, attributions: np.ndarray, *, included: bool
) -> dict[str, Any]:
    """Observations that are images, and their attributions as maps."""
    parts = [part for part in recording.features.parts if part.is_image and included and len(steps)]
    return {
        "images": [pictures(observed_part(part, episode)[steps], part) for part in parts],
        "maps": [maps(attributions[..., part.start : part.stop], part) for part in parts],
    }


def _decisions(
    recording: Recording, number: int, steps: np.ndarray, rows: Sequence[ShownRow], decision: Summary
) -> dict[str, Any]:
    """How far each row changes the decision, `[step, row]`; NaN for a row that was not replaced as a whole."""
    attribution = recording.attribution_of(decision.key, episodes=[number])
    values = attribution.values.reshape(*attribution.values.shape[:2], -1)[steps]
    groups = [np.sort(elements) for _, elements in attribution.spec.rows(attribution.features)]
    whole = np.array([any(np.array_equal(np.sort(row.entries), group) for group in groups) for row in rows])
    # Of an action of several dimensions the one that changes most.
    changes = np.nan_to_num(summed(values, rows)).max(axis=1)
    return quantized(np.where(whole, changes, np.nan), np.dtype("i1"))


class Frames:
    """Small frames of the episodes that have replays, all together under a limit of bytes."""

    def __init__(self, recording: Recording, numbers: Sequence[int]) -> None:
        self._frames = {number: frames for number in numbers if (frames := _frames_of(recording, number))}
        total = sum(map(len, self._frames.values()))
        some = [frame for frames in self._frames.values() for frame in frames[:: max(1, len(frames) // _SAMPLED)]]
        self._size, self._every = _SIZES[-1], 1
        if some:
            bytes_of = {size: sum(len(smaller(frame, *size)) for frame in some) / len(some) for size in _SIZES}
            fitting = (size for size in _SIZES if bytes_of[size] * total <= FRAME_BYTES)
            self._size = next(fitting, _SIZES[-1])
            self._every = max(1, -(-int(bytes_of[self._size] * total) // FRAME_BYTES))

    def images(self, number: int) -> dict[str, Any] | None:
        """Every so many-th frame of an episode as data URIs; None if it has none."""
        frames = self._frames.get(number)
        if not frames:
            return None
        images = [webp_uri(smaller(frame, *self._size)) for frame in frames[:: self._every]]
        return {"every": self._every, "images": images}


def _frames_of(recording: Recording, number: int) -> list[bytes] | None:
    try:
        return recording.frames(number)
    except RltoolsError:  # a damaged file, of which the page says nothing else either
        return None


def smaller(frame: bytes, width: int, quality: int) -> bytes:
    """A WebP frame again, at most so many pixels wide."""
    from PIL import Image

    with Image.open(io.BytesIO(frame)) as opened:
        picture = opened.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()
