"""Measures how importance changes over recordings, for instance over the checkpoints of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Recording
from rltools.stats import Interval
from rltools.summary._summarize import summarize
from rltools.summary._summary import Summary


@dataclass(frozen=True)
class TrainingCurve:
    """The shares of each feature in a sequence of recordings.

    Attributes:
        labels: the labels of the recordings.
        summaries: the summaries of the recordings.
        features: the features of all recordings, those that matter most on average first.
        units: the units of the features.
        positions: the positions of each feature in the first recording that has it.
        share: `[recording, feature]`, the share of the importance of all features, from 0 to 1; NaN if there is no such
            feature.
        returns: `[recording]`, the mean undiscounted return.
    """

    labels: tuple[str, ...]
    summaries: tuple[Summary, ...]
    features: tuple[str, ...]
    units: tuple[str, ...]
    positions: tuple[int, ...]
    share: Interval
    returns: Interval

    __repr__ = short_repr


def training_curve(
    recordings: Mapping[str, Recording], method: str | None, target: str | None, *, level: float = 0.95
) -> TrainingCurve:
    """Shares and returns of each recording, with intervals over its episodes.

    Args:
        recordings: the recordings by their labels, in order.
        method: the method; None for the method of the default attribution.
        target: the target as text; None for the target of the default attribution.
        level: the level of the intervals.

    Raises:
        ArgumentError: there are no recordings.
        RecordingError: no attribution fits.
    """
    if not recordings:
        raise ArgumentError("there are 0 recordings; pass at least one, for instance {0: recording}")
    summaries = [summarize(recording, method=method, target=target, level=level) for recording in recordings.values()]
    units: dict[str, str] = {}
    positions: dict[str, int] = {}
    for summary in summaries:
        for position, name in enumerate(summary.features):
            units.setdefault(name, summary.units[position])
            positions.setdefault(name, position)
    names = list(units)
    shares = [_in_order(summary, names) for summary in summaries]
    value, low, high = (np.array([getattr(interval, end) for interval in shares]) for end in ("value", "low", "high"))
    finite = np.isfinite(value)
    means = np.where(finite, value, 0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    order = np.argsort(-means, kind="stable")
    per_recording = [summary.returns for summary in summaries]
    returns = Interval(*(np.array([getattr(each, end) for each in per_recording]) for end in ("mean", "low", "high")))
    return TrainingCurve(
        labels=tuple(recordings),
        summaries=tuple(summaries),
        features=tuple(names[position] for position in order),
        units=tuple(units[names[position]] for position in order),
        positions=tuple(positions[names[position]] for position in order),
        share=Interval(value[:, order], low[:, order], high[:, order]),
        returns=returns,
    )


def _in_order(summary: Summary, names: list[str]) -> Interval:
    importance = summary.overall.importance
    places = np.array([summary.features.index(name) if name in summary.features else -1 for name in names])
    return Interval(
        *(np.where(places < 0, np.nan, part[places]) for part in (importance.value, importance.low, importance.high))
    )
