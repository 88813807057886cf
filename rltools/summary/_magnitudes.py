"""How much each row mattered in each episode, for statistics that rank episode by episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.recording import Recording
from rltools.stats import Jackknife, Named, jackknife
from rltools.summary._levels import Level, level_of
from rltools.summary._sums import collect, used_first
from rltools.summary.episodes import Groups


@dataclass(frozen=True)
class Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    Attributes:
        sizes: float64 `[episode, group]`.
        without: float64 `[block, episode, group]`, without each block of draws; None without draws on disk.
        origins: float `[block, episode]`, as in `Sums`.
    """

    sizes: np.ndarray
    without: np.ndarray | None
    origins: np.ndarray | None = None

    __repr__ = short_repr

    def mattering(self) -> Magnitudes:
        """The magnitudes of the episodes in which any feature mattered."""
        used = self.sizes.sum(axis=1) > 0
        without = None if self.without is None else self.without[:, used]
        return Magnitudes(self.sizes[used], without, used_first(self.origins, used))

    def drawn(self, statistic: Callable[[np.ndarray], Named]) -> dict[str, Jackknife]:
        """A statistic of the sums over episodes `[draw, group]`, also without each episode and each block of draws."""
        without = [] if self.without is None else [self.without.sum(axis=1)]
        return jackknife(statistic, [self.sizes], without, self.origins)


def magnitudes(recording: Recording, key: str, groups: Groups | None = None) -> Magnitudes:
    """How much each row mattered in each episode, over all steps and targets.

    The default groups are the variables. Standardized if the unit is "score per unit".

    Raises:
        RecordingError: an episode is not explained yet.
    """
    level = level_of(recording, key) if groups is None else Level("variables", groups)
    (sums,) = collect(recording, key, [level])
    return Magnitudes(sums.magnitudes, sums.sizes_without, sums.origins)
