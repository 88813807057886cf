"""Adds up the stored draws of an attribution, for intervals over references, orders or noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording.batches import Batch
from rltools.recording.draws import DrawReader, draw_origins
from rltools.recording.seal import warn_of_damage
from rltools.summary._actions import EVERY
from rltools.summary._levels import Level
from rltools.summary._totals import Totals
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
        self._reader: DrawReader | None = None
        self._totals, self._sizes = Totals(), Totals()
        self._shape: tuple[int, ...] = ()

    def add(self, batch: Batch, before: int, rows: np.ndarray, actions: np.ndarray) -> None:
        """Add the episodes of a batch.

        Args:
            batch: the episodes.
            before: how many episodes were added before.
            rows: bool `[step]`, the steps that count.
            actions: int `[step]`, the positions of the actions taken; `EVERY` if they are not one discrete choice.
        """
        counted_rows = np.bincount(batch.owners[rows], minlength=len(batch.outcomes))
        needed = np.flatnonzero(counted_rows)
        if not self._has_draws or not len(needed):
            return
        steps = np.zeros_like(counted_rows)
        try:
            for owners, t, without in self._read(batch, needed):
                step = batch.starts[owners] + t
                counted = rows[step]
                steps += np.bincount(owners[counted], minlength=len(steps))
                if not self._add_steps(before + owners[counted], actions[step[counted]], without[:, counted]):
                    self._has_draws = False
                    break
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            self._has_draws = False
        if (steps < counted_rows).any():
            self._has_draws = False

    def totals(self, categories: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, category, kind, target, group]`, kinds as in `Sums`; None without draws."""
        if not self._stored:
            return None
        totals: np.ndarray = self._totals.array(1, categories, self._shape)[0].swapaxes(0, 1)
        return totals

    def sizes(self, episodes: int) -> np.ndarray | None:
        """Float64 `[block, episode, group]`, magnitudes over all targets, standardized if there is a std."""
        if not self._stored:
            return None
        sizes: np.ndarray = self._sizes.array(episodes, [EVERY], (self._shape[0], self._shape[-1]))[:, 0].swapaxes(0, 1)
        return sizes

    def origins(self, numbers: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, episode]`, as in `Sums`, of the episodes with these numbers; None without draws."""
        return draw_origins(self._recording, self._key, self._shape[0], numbers) if self._stored else None

    @property
    def _stored(self) -> bool:
        """Whether there are draws of every episode that counts."""
        return self._has_draws and bool(self._shape)

    def _read(self, batch: Batch, episodes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The draws of some episodes of a batch, as `DrawReader.blocks`, by their positions in the batch."""
        if self._reader is None:
            self._reader = DrawReader(self._recording, self._key)
        numbers, steps = [batch.outcomes[each].number for each in episodes], np.diff(batch.starts)[episodes].tolist()
        for owners, t, without in self._reader.blocks(numbers, steps, [batch.identities[each] for each in episodes]):
            yield episodes[owners], t, without

    def _add_steps(self, episodes: np.ndarray, actions: np.ndarray, without: np.ndarray) -> bool:
        """Add draws `[block, step, target, stored]` of some steps; False if the number of blocks has changed."""
        parts = [regroup(without).swapaxes(0, 1) for regroup in self._regroups]
        kinds = np.stack([kind for part in parts for kind in (part, np.abs(part))], axis=2)
        if self._shape not in ((), kinds.shape[1:]):
            return False
        self._shape = kinds.shape[1:]
        self._totals.add(np.zeros_like(episodes), actions, kinds)
        self._sizes.add(episodes, np.full_like(episodes, EVERY), kinds[:, :, -1].sum(axis=2))
        return True
