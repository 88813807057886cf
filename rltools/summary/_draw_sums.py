"""Sums over all episodes without each block of what was drawn for all steps together, a few steps at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording._draws import draw_blocks
from rltools.recording._warning import name_damage
from rltools.summary._steps import Groups, regrouping

EVERY = -1
"""The category of every step; others are positions of actions."""


class DrawSums:
    """Adds up what is kept of the draws, episode by episode; nothing once it is not kept of one of them.

    Args:
        recording: where from.
        key: the folder name of an attribution in it.
        groups: what is summed over.
        deviation: `[entry]`, what standardised attributions are multiplied with; None for none.
    """

    def __init__(self, recording: Recording, key: str, groups: Groups, deviation: np.ndarray | None) -> None:
        self._recording, self._key = recording, key
        scales = [None] if deviation is None else [None, deviation]
        regroups = [regrouping(recording, key, groups, scale) for scale in scales]
        self._regroups = [regroup for regroup in regroups if regroup is not None]
        self._kept = len(self._regroups) == len(regroups)
        self._totals: dict[int, np.ndarray] = {}
        self._sizes: list[np.ndarray | None] = []

    def add(self, number: int, rows: np.ndarray, actions: np.ndarray) -> None:
        """Of the next episode.

        Args:
            number: of the episode.
            rows: bool `[step]`, the steps that count.
            actions: int `[step]`, the positions of the actions taken; `EVERY` where they are not told apart.
        """
        self._sizes.append(None)
        if not self._kept or not rows.any():
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
            name_damage(error, stacklevel=5)
            steps = 0
        if steps < rows.sum():
            self._kept, self._totals, self._sizes = False, {}, []

    def totals(self, categories: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, category, kind, target, group]`, kinds as `Sums` has them; None if not kept."""
        if EVERY not in self._totals:
            return None
        nothing = np.zeros_like(self._totals[EVERY])
        return np.stack([self._totals.get(category, nothing) for category in categories], axis=1)

    def sizes(self) -> np.ndarray | None:
        """Float64 `[block, episode, group]`, magnitudes over all targets, standardised where there is a deviation."""
        if EVERY not in self._totals:
            return None
        blocks, _, _, groups = self._totals[EVERY].shape
        return np.stack([np.zeros((blocks, groups)) if one is None else one for one in self._sizes], axis=1)

    def _add_steps(self, without: np.ndarray, actions: np.ndarray) -> bool:
        """Draws `[block, step, target, kept]` of some steps; False where there are other blocks than before."""
        parts = [regroup(without) for regroup in self._regroups]
        kinds = [kind for part in parts for kind in (part, np.abs(part))]
        for category in (EVERY, *np.unique(actions[actions != EVERY]).tolist()):
            which = slice(None) if category == EVERY else actions == category
            total = np.stack([kind[:, which].sum(axis=1) for kind in kinds], axis=1)
            if EVERY in self._totals and self._totals[EVERY].shape != total.shape:
                return False
            before = self._totals.get(category)
            self._totals[category] = total if before is None else before + total
        size, before = kinds[-1].sum(axis=(1, 2)), self._sizes[-1]
        self._sizes[-1] = size if before is None else before + size
        return True
