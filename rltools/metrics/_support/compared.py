"""Sizes of players in an attribution beside their measured losses, each with its sources of chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.metrics._support.value import Value
from rltools.stats import Jackknife, joint


@dataclass(frozen=True)
class Compared:
    """The sizes of some players beside their measured losses.

    Attributes:
        sizes: `[player]`, how large each is in the map.
        losses: `[player]`, how much lower the return is without each, also without each seed.
        sources: a name for each source of chance, of sizes first.
    """

    sizes: Jackknife
    losses: Jackknife
    sources: tuple[str, ...]

    __repr__ = short_repr

    def value(self, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], n: int | None = None) -> Value:
        """A statistic of sizes and losses, each `[..., player]`, as the value of a metric."""
        return Value(
            joint(statistic, self.sizes, self.losses), self.sources, len(self.losses.value) if n is None else n
        )


def paired_losses(differences: Sequence[Mapping[int, float]]) -> tuple[np.ndarray, Jackknife]:
    """The mean difference of return of each player that was measured, with its values without each seed.

    Args:
        differences: for each player, the return with it minus the return without it, by the number of the seed.

    Returns:
        Positions of the players with a difference, and their losses `[player]`. A player that was measured at fewer
        seeds than another does not move without one of the others.
    """
    measured = np.array([player for player, each in enumerate(differences) if len(each)], np.int64)
    numbers = sorted({number for each in differences for number in each})
    table = np.array([[differences[player].get(number, np.nan) for player in measured] for number in numbers])
    table = table.reshape(len(numbers), len(measured))
    counts, totals = np.isfinite(table).sum(axis=0), np.nansum(table, axis=0)
    left = counts - np.isfinite(table)
    without = np.divide(totals - np.nan_to_num(table), left, out=np.full(table.shape, np.nan), where=left > 0)
    return measured, Jackknife(totals / np.maximum(counts, 1), (without,))
