"""The shares of importance that random maps give."""

from __future__ import annotations

import numpy as np

from rltools.recording import Recording
from rltools.stats import Interval

RANDOM_MAPS = 200
"""Random maps whose shares make a band."""


def random_shares(recording: Recording, key: str, *, level: float = 0.95, maps: int = RANDOM_MAPS) -> Interval:
    """The shares that random maps give the features, `[feature]`: their mean, and the range of most of them.

    A random map has a standard normal number for each element, the same at every step, as the control `random` has; a
    single one looks like a finding.

    Args:
        recording: the recording of the attribution.
        key: its folder name, for how elements are summed to features.
        level: the part of the maps within the range.
        maps: how many are drawn, always the same ones.
    """
    groups = recording.rows(key)
    sizes = np.array([len(elements) for _, elements in groups])
    magnitudes = np.abs(np.random.default_rng(0).normal(size=(maps, len(sizes))) * np.sqrt(sizes))
    shares = magnitudes / magnitudes.sum(axis=1, keepdims=True)
    low, high = np.empty(len(sizes)), np.empty(len(sizes))
    for size in np.unique(sizes):  # features of the same size are alike
        alike = sizes == size
        low[alike], high[alike] = np.quantile(shares[:, alike], [(1 - level) / 2, (1 + level) / 2])
    return Interval(shares.mean(axis=0), low, high)
