"""Adds up the stored draws of an attribution, for intervals over references, orders or noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording.draws import draw_blocks, draw_origins
from rltools.recording.seal import warn_of_damage
from rltools.summary._actions import EVERY
from rltools.summary._levels import Level
from rltools.summary.episodes import regrouping


class DrawSums:
    """Adds up the stored draws, episode by episode; gives up if an episode has none.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        level: the rows; values are summed over each. Those of objects change from step to step, and have no draws.
        std: `[element]`, the factor of standardized attributions; None if nothing is standardized.
    """

    def __init__(self, recording: Recording, key: str, level: Level, std: np.ndarray | None) -> None:
        self._recording, self._key = recording, key
        scales = [None] if std is None else [None, std]
        regroups = [
            None if level.kinds is not None else regrouping(recording, key, level.groups, scale) for scale in scales
        ]
        self._regroups = [regroup for regroup in regroups if regroup is not None]
        self._has_draws = len(self._regroups) == len(regroups)
        self._totals: dict[int, np.ndarray] = {}
        self._sizes: list[np.ndarray | None] = []

    def add(self, number: int, rows: np.ndarray, actions: np.ndarray) -> None:
        """Add the next episode.

        Args:
            number: the number of the episode.
            rows: bool `[step]`, the steps that count.
            actions: int `[step]`, the positions of the actions taken; `EVERY` if they are not one discrete choice.
        """
        self._sizes.append(None)
        if not self._has_draws or not rows.any():
            return
        steps = 0
        try:
            for t, without in draw_blocks(self._recording, self._key, number):
                counted = rows[t]
                steps += int(counted.sum())
                if not self._add_steps(without[:, counted], actions[t][counted]):
                    steps = 0
                    break
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            steps = 0
        if steps < rows.sum():
            self._has_draws, self._totals, self._sizes = False, {}, []

    def totals(self, categories: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, category, kind, target, group]`, kinds as in `Sums`; None without draws."""
        if EVERY not in self._totals:
            return None
        nothing = np.zeros_like(self._totals[EVERY])
        return np.stack([self._totals.get(category, nothing) for category in categories], axis=1)

    def sizes(self) -> np.ndarray | None:
        """Float64 `[block, episode, group]`, magnitudes over all targets, standardized if there is a std."""
        if EVERY not in self._totals:
            return None
        blocks, _, _, groups = self._totals[EVERY].shape
        return np.stack([np.zeros((blocks, groups)) if size is None else size for size in self._sizes], axis=1)

    def origins(self, numbers: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, episode]`, as in `Sums`, of the episodes with these numbers; None without draws."""
        if EVERY not in self._totals:
            return None
        return draw_origins(self._recording, self._key, len(self._totals[EVERY]), numbers)

    def _add_steps(self, without: np.ndarray, actions: np.ndarray) -> bool:
        """Add draws `[block, step, target, stored]` of some steps; False if the number of blocks has changed."""
        parts = [regroup(without) for regroup in self._regroups]
        kinds = [kind for part in parts for kind in (part, np.abs(part))]
        for category in (EVERY, *np.unique(actions[actions != EVERY]).tolist()):
            selected = slice(None) if category == EVERY else actions == category
            total = np.stack([kind[:, selected].sum(axis=1) for kind in kinds], axis=1)
            if EVERY in self._totals and self._totals[EVERY].shape != total.shape:
                return False
            before = self._totals.get(category)
            self._totals[category] = total if before is None else before + total
        size, before = kinds[-1].sum(axis=(1, 2)), self._sizes[-1]
        self._sizes[-1] = size if before is None else before + size
        return True
