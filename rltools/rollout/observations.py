"""The observation that each running episode is in, one array per leaf."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from rltools.errors import SimulationError
from rltools.recording import observation_column
from rltools.rollout.faults import exact
from rltools.spaces.leaves import Leaf, blank_observations, leaves, nest, pick

Rows = slice | np.ndarray


class Observed:
    """Arrays `[slot, *leaf]`, filled as observations come in."""

    def __init__(self, space: Space[Any], slots: int) -> None:
        self.leaves = leaves(space)
        self.columns = tuple(observation_column(leaf) for leaf in self.leaves)
        self._current = tuple(pick(blank_observations(space, slots), leaf) for leaf in self.leaves)
        self._floats = tuple(current for current in self._current if current.dtype.kind == "f")
        self._space, self._blank = space, blank_observations(space, 1)
        # The case of every cheap environment, which a step must not pay twice for.
        self._single = self._current[0] if len(self.leaves) == 1 and self.leaves[0].kind == "number" else None
        self._dtype, self._shape = self._current[0].dtype, self._current[0].shape[1:]
        self.row_bytes = max(1, sum(current[:1].nbytes for current in self._current))

    def buffers(self, block: int, slots: int) -> dict[str, np.ndarray]:
        """Room for so many rounds: column -> `[round, slot, *leaf]`."""
        return {
            name: np.zeros((block, slots, *current.shape[1:]), current.dtype)
            for name, current in zip(self.columns, self._current, strict=True)
        }

    def receive(self, slot: int, observation: Any) -> None:
        """Copy on receipt: an environment may return the same array every step.

        Raises:
            SimulationError: an observation that the policy cannot take.
            MismatchError: a key is missing.
        """
        if self._single is not None and not self.leaves[0].path:
            plain = (
                type(observation) is np.ndarray
                and observation.dtype is self._dtype
                and observation.shape == self._shape
            )
            self._single[slot] = observation if plain else exact(observation, self._shape, self._dtype)
            return
        for leaf, current in zip(self.leaves, self._current, strict=True):
            current[slot] = _received(leaf, pick(observation, leaf))

    def keep(self, buffers: dict[str, np.ndarray], at: int, slots: Rows) -> None:
        """Copy what is there into row `at` of the buffers."""
        for name, current in zip(self.columns, self._current, strict=True):
            buffers[name][at, slots] = current[slots]

    def batch(self, rows: Rows) -> Any:
        """Observations of some slots, `[row, ...]`, as a policy takes them."""
        if self._single is not None and not self.leaves[0].path:
            return self._single[rows]
        return nest([(leaf, current[rows]) for leaf, current in zip(self.leaves, self._current, strict=True)])

    def of(self, slot: int) -> dict[str, np.ndarray]:
        """A copy of one slot's observation, by column."""
        return {name: np.array(current[slot]) for name, current in zip(self.columns, self._current, strict=True)}

    def clear(self, slot: int) -> None:
        """Forget what a slot held: it takes part in sums."""
        for leaf, current in zip(self.leaves, self._current, strict=True):
            current[slot] = pick(self._blank, leaf)[0]

    def seem_finite(self) -> bool:
        """Whether no entry of any slot is NaN or infinite; a sum may overflow without one."""
        return all(isfinite(current.sum()) for current in self._floats)

    def out_of_space(self, block: dict[str, np.ndarray]) -> int:
        """How many of a block's observations lie outside their space."""
        wrong = np.zeros(len(block[self.columns[0]]), bool)
        for leaf, name in zip(self.leaves, self.columns, strict=True):
            space = self._space
            for key in leaf.path:
                space = space.spaces[key]  # type: ignore[attr-defined]
            if isinstance(space, Box) and len(wrong):
                values = block[name]
                wrong |= ((values < space.low) | (values > space.high)).reshape(len(values), -1).any(1)
        return int(wrong.sum())


def _received(leaf: Leaf, value: Any) -> Any:
    if leaf.kind == "text":
        if not isinstance(value, str):
            raise SimulationError(f"{leaf.name or 'the observation'} is a {type(value).__name__} where a text belongs")
        return value
    kept = exact(value, leaf.shape, np.dtype(leaf.dtype))
    if leaf.kind == "choice":
        positions = kept.reshape(-1).astype(np.int64) - np.array(leaf.starts)
        if ((positions < 0) | (positions >= np.array(leaf.sizes))).any():
            raise SimulationError(
                f"{leaf.name or 'the observation'} is {kept.tolist()}, which is none of the values of its space"
            )
    return kept
