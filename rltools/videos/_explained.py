"""What was explained of an episode, as a video draws it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rltools.attributions import is_per_feature_unit
from rltools.pages.replay.rows import Row, plane, summed
from rltools.recording import Attribution, Recording, every_step_first
from rltools.summary.episodes import std


@dataclass(frozen=True)
class Explained:
    """One explained scalar by one method.

    Attributes:
        method: its name.
        label: of the scalar, resolved.
        note: which of several scalars this is, and whether values are held between explained steps; "" where there is
            nothing to say.
        unit: of what is drawn.
        per_unit: whether a higher value of the feature raises the score, or the value that it has does.
        values: float64 `[step, row]`; those of the last explained step where a sample was; NaN where nothing was.
        scale: from where on a bar and a color are full: all but one percent of the values are smaller.
        scores: float `[step]`, the scalar itself.
        maps: of each picture in the observation `[step, y, x]`, summed over channels and moments.
        map_scales: the same for each of these.
    """

    method: str
    label: str
    note: str
    unit: str
    per_unit: bool
    values: np.ndarray
    scale: float
    scores: np.ndarray
    maps: tuple[np.ndarray, ...]
    map_scales: tuple[float, ...]

    def of(self, picked: list[int]) -> Explained:
        """Only some of the rows, on a scale of their own."""
        values = self.values[:, picked]
        return replace(self, values=values, scale=_scale(values, 0.99))


def explained(
    recording: Recording, episode: int, rows: list[Row], method: str | None, target: str | None
) -> Explained | None:
    """What was explained of an episode, of several scalars the one with the largest attributions; None: nothing.

    Raises:
        RecordingError: no attribution that fits, or none of this episode yet.
    """
    of_the_moment = any(not asked.window for asked in recording.specs.values())
    if not of_the_moment and method is None and target is None:
        return None
    found = _held(recording.attribution_of(every_step_first(recording, method, target), episodes=[episode]))
    per_unit = is_per_feature_unit(found.unit)
    values = _standardized(recording, found) if per_unit else found.values.reshape(*found.values.shape[:2], -1)
    at = int(np.nansum(np.abs(values), axis=(0, 2)).argmax())
    drawn, targets = values[:, at], len(found.labels)
    maps = tuple(
        drawn[:, part.start : part.stop][:, plane(part)].sum(axis=-1) for part in found.features.parts if part.is_image
    )
    by_row = summed(drawn, rows)
    every = found.spec.every
    notes = [
        f"the strongest of {targets} targets" if targets > 1 else "",
        f"one step in {every} explained, held until the next" if every > 1 else "",
    ]
    return Explained(
        method=found.method,
        label=found.labels[at],
        note="; ".join(filter(None, notes)),
        unit="score per standard deviation" if per_unit else found.unit,
        per_unit=per_unit,
        values=by_row,
        scale=_scale(by_row, 0.99),
        scores=found.scores[:, at],
        maps=maps,
        map_scales=tuple(_scale(over, 0.999) for over in maps),
    )


def _held(found: Attribution) -> Attribution:
    """Of a sample of the steps, each explained one also in the place of those up to the next."""
    steps, every = np.arange(len(found)), found.spec.every
    if every == 1 or not len(found):
        return found
    last = np.maximum.accumulate(np.where(np.isfinite(found.scores).all(axis=1), steps, -1))
    held = np.where((last >= 0) & (steps - last < every), last, steps)
    return replace(found, values=found.values[held], scores=found.scores[held])


def _standardized(recording: Recording, found: Attribution) -> np.ndarray:
    """`[step, target, entry]`, each times the standard deviation of its entry over the recording."""
    spread = std((episode.states for episode in recording), recording.features.size)
    values = found.values.reshape(*found.values.shape[:2], -1)
    return values if spread is None else values * spread.astype(values.dtype)


def _scale(values: np.ndarray, share: float) -> float:
    """The magnitude that so many of those that say anything do not exceed; 1 where none does."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return float(np.quantile(sizes, share)) if sizes.size else 1.0
