"""Computes how much each time lag matters to an agent that sees, or remembers, several observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.recording import Recording, check_recording
from rltools.spaces import Features
from rltools.stats import Interval
from rltools.summary._magnitudes import magnitudes
from rltools.summary.episodes import Groups


@dataclass(frozen=True)
class Lags:
    """The importance of features at each time lag of an input.

    Attributes:
        features: names without their lag.
        units: the units of the features.
        lags: how many steps ago each observation was made; the last one is 0.
        share: `[feature, lag]`, the share of the total importance; NaN if there is no such element.
        of_lag: `[lag]`, the share of all features of a lag together.
    """

    features: tuple[str, ...]
    units: tuple[str, ...]
    lags: tuple[int, ...]
    share: Interval
    of_lag: Interval

    __repr__ = short_repr


def lagged_key(recording: Recording, method: str | None, target: str | None, window: int | None) -> str:
    """The key of an attribution; by default one over the longest window of a recurrent policy, if there is any.

    Raises:
        RecordingError: no attribution fits.
    """
    check_recording(recording)
    if window is None:
        specs = recording.specs.values()
        fitting = [spec for spec in specs if method in (None, spec.method) and target in (None, spec.target)]
        window = max((spec.window for spec in fitting), default=0)
    return recording.find(method, target, window)


def lag_shares(recording: Recording, key: str, *, level: float = 0.95) -> Lags:
    """Shares of the mean magnitudes by feature and by lag, with intervals.

    Args:
        recording: the recording of the episode.
        key: the folder name of an attribution in it.
        level: the level of the intervals.

    Raises:
        RecordingError: an episode is not explained yet.
    """
    features = recording.features_of(key)
    groups, places = _by_lag(features, recording.rows(key, "regions"))
    sizes = magnitudes(recording, key, groups).mattering()
    names = list(dict.fromkeys(name for name, _ in places))
    lags = sorted({lag for _, lag in places}, reverse=True)
    row = np.array([names.index(name) for name, _ in places])
    column = np.array([lags.index(lag) for _, lag in places])

    def shares(total: np.ndarray) -> dict[str, np.ndarray]:
        whole = total.sum(axis=1, keepdims=True)
        part = np.divide(total, whole, out=np.full(total.shape, np.nan), where=whole > 0)
        cells = np.full((len(part), len(names), len(lags)), np.nan)
        cells[:, row, column] = 0  # a stack of stacks has several elements of one name and lag
        for group in range(len(groups)):
            cells[:, row[group], column[group]] += part[:, group]
        return {"share": cells, "of_lag": np.nansum(cells, axis=1) if len(sizes.sizes) else cells[:, 0]}

    intervals = {name: drawn.reported(level, "share") for name, drawn in sizes.drawn(shares).items()}
    units = _units(features, names, places, groups)
    return Lags(tuple(names), units, tuple(lags), intervals["share"], intervals["of_lag"])


def _by_lag(features: Features, rows: Groups) -> tuple[Groups, list[tuple[str, int]]]:
    """The elements of each lag of each row, and the name of the row with that lag."""
    pairs = [(name, elements, lag) for name, elements in rows for lag in np.unique(features.lags[elements]).tolist()]
    groups = [(name, elements[features.lags[elements] == lag]) for name, elements, lag in pairs]
    return groups, [(name, lag) for name, _, lag in pairs]


def _units(features: Features, names: list[str], places: list[tuple[str, int]], groups: Groups) -> tuple[str, ...]:
    units = dict.fromkeys(names, "")
    for (name, _), (_, entries) in zip(places, groups, strict=True):
        if features.units and len(entries) == 1:
            units[name] = features.units[entries[0]]
    return tuple(units.values())
