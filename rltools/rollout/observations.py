"""Keeps the current observations of running episodes, one array per leaf."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from rltools.errors import SimulationError
from rltools.recording import observation_column
from rltools.rollout.faults import as_array
from rltools.spaces.leaves import Leaf, leaves, nest, pick, placeholder_observations

Rows = slice | np.ndarray


class CurrentObservations:
    """The current observation of each slot, as arrays `[slot, *leaf]` that are filled as observations arrive."""

    def __init__(self, space: Space[Any], slots: int) -> None:
        self.leaves: tuple[Leaf, ...] = leaves(space)
        self.columns: tuple[str, ...] = tuple(observation_column(leaf) for leaf in self.leaves)
        self._current = tuple(pick(placeholder_observations(space, slots), leaf) for leaf in self.leaves)
        self._floats = tuple(current for current in self._current if current.dtype.kind == "f")
        self._space, self._blank = space, placeholder_observations(space, 1)
        # The fast path of a plain Box, whose environments are the cheapest.
        plain = len(self.leaves) == 1 and self.leaves[0].kind == "number" and not self.leaves[0].path
        self._single = self._current[0] if plain else None
        self._dtype, self._shape = self._current[0].dtype, self._current[0].shape[1:]
        self.row_bytes: int = max(1, sum(current[:1].nbytes for current in self._current))

    def buffers(self, block: int, slots: int) -> dict[str, np.ndarray]:
        """Zeros `[round, slot, *leaf]` for each column."""
        return {
            name: np.zeros((block, slots, *current.shape[1:]), current.dtype)
            for name, current in zip(self.columns, self._current, strict=True)
        }

    def receive(self, slot: int, observation: Any) -> None:
        """Copy an observation into a slot, because an environment may return the same array at every step.

        Raises:
            SimulationError: the policy cannot take the observation.
            MismatchError: a key is missing.
        """
        if (single := self._single) is not None:
            plain = (
                type(observation) is np.ndarray
                and observation.dtype is self._dtype
                and observation.shape == self._shape
            )
            single[slot] = observation if plain else as_array(observation, self._shape, self._dtype)
            return
        for leaf, current in zip(self.leaves, self._current, strict=True):
            current[slot] = _received(leaf, pick(observation, leaf))

    def store(self, buffers: dict[str, np.ndarray], row: int, slots: Rows) -> None:
        """Copy the observations of some slots into a row of the buffers."""
        for name, current in zip(self.columns, self._current, strict=True):
            buffers[name][row, slots] = current[slots]

    def batch(self, rows: Rows) -> Any:
        """The observations of some slots, `[row, ...]`, as a policy takes them."""
        if self._single is not None:
            return self._single[rows]
        return nest([(leaf, current[rows]) for leaf, current in zip(self.leaves, self._current, strict=True)])

    def row(self, slot: int) -> dict[str, np.ndarray]:
        """A copy of one slot's observation, by column."""
        return {name: np.array(current[slot]) for name, current in zip(self.columns, self._current, strict=True)}

    def clear(self, slot: int) -> None:
        """Reset a slot, whose values take part in sums even when it is free."""
        for leaf, current in zip(self.leaves, self._current, strict=True):
            current[slot] = pick(self._blank, leaf)[0]

    def seem_finite(self) -> bool:
        """Whether no slot holds NaN or an infinity, by sums, which may also overflow without one."""
        return all(isfinite(current.sum()) for current in self._floats)

    def out_of_space(self, block: dict[str, np.ndarray]) -> int:
        """How many of a block's observations are outside their space."""
        outside = np.zeros(len(block[self.columns[0]]), bool)
        for leaf, name in zip(self.leaves, self.columns, strict=True):
            space = self._space
            for key in leaf.path:
                space = space.spaces[key]  # type: ignore[attr-defined]
            if isinstance(space, Box) and len(outside):
                values = block[name]
                outside |= ((values < space.low) | (values > space.high)).reshape(len(values), -1).any(1)
        return int(outside.sum())


def _received(leaf: Leaf, value: Any) -> Any:
    if leaf.kind == "text":
        if not isinstance(value, str):
            raise SimulationError(f"{leaf.name or 'the observation'} is a {type(value).__name__} instead of a str")
        return value
    array = as_array(value, leaf.shape, np.dtype(leaf.dtype))
    if leaf.kind == "choice":
        positions = array.reshape(-1).astype(np.int64) - np.array(leaf.starts)
        if ((positions < 0) | (positions >= np.array(leaf.sizes))).any():
            raise SimulationError(f"{leaf.name or 'the observation'} is {array.tolist()}, which is not in its space")
    return array
