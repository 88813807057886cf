"""Episodes in which the policy does not see some players: what each was, and how it ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from rltools._util.short_repr import short_repr

COLUMNS = ("replacement", "hidden", "number", "seed", "total_reward", "steps", "ended", "fault", "purpose", "part")


@dataclass(frozen=True, order=True)
class Task:
    """An episode to run.

    Attributes:
        replacement: the name of the replacement; "" if nothing is hidden.
        hidden: the positions of the hidden players, ascending.
        number: the number of its seed; episodes with the same number are paired.
    """

    replacement: str
    hidden: tuple[int, ...]
    number: int


@dataclass(frozen=True)
class Rollouts:
    """Episodes with hidden players, one per row.

    Attributes:
        replacement: the name of the replacement, `[row]`; "" if nothing is hidden.
        hidden: bool `[row, player]`.
        number: int64 `[row]`, the number of the seed; rows with the same number are paired.
        seed: int64 `[row]`, that the environment was reset with.
        total_reward: float64 `[row]`, the return.
        steps: int64 `[row]`.
        ended: `[row]`, "terminated", "truncated", "limit" or "fault".
        fault: `[row]`, what failed; "" for complete episodes.
        purpose: `[row]`, what the episode was run for: "loss", "second", "together", "coalition", "curve", "search" or
            "certificate".
        part: float64 `[row]`, the part of the return that a search or a certificate allows to lose; else NaN.
    """

    replacement: np.ndarray
    hidden: np.ndarray
    number: np.ndarray
    seed: np.ndarray
    total_reward: np.ndarray
    steps: np.ndarray
    ended: np.ndarray
    fault: np.ndarray
    purpose: np.ndarray
    part: np.ndarray = field(default_factory=lambda: np.zeros(0))

    __repr__ = short_repr

    def __len__(self) -> int:
        """How many episodes there are."""
        return len(self.number)

    @cached_property
    def measured(self) -> Rollouts:
        """All but the episodes of certificates, whose seeds must stay fresh: nothing that is decided may see them."""
        certified = self.purpose == "certificate"
        return self.where(~certified) if certified.any() else self

    @cached_property
    def floor(self) -> float:
        """The lowest mean return of any condition; NaN without episodes."""
        means = (sum(returns.values()) / len(returns) for returns in self.by_condition.values())
        return float(min(means, default=np.nan))

    @cached_property
    def _conditions(self) -> list[tuple[str, tuple[int, ...]]]:
        """The replacement and the hidden players of each row; each set of players is looked up once."""
        packed = np.packbits(self.hidden, axis=1)
        sets: dict[bytes, tuple[int, ...]] = {}
        keys = [row.tobytes() for row in packed]
        for position, key in enumerate(keys):
            if key not in sets:
                sets[key] = tuple(np.flatnonzero(self.hidden[position]).tolist())
        return [(str(name), sets[key]) for name, key in zip(self.replacement, keys, strict=True)]

    @cached_property
    def by_condition(self) -> dict[tuple[str, tuple[int, ...]], dict[int, float]]:
        """By replacement and hidden players, the return of each complete episode by the number of its seed."""
        conditions: dict[tuple[str, tuple[int, ...]], dict[int, float]] = {}
        columns = (self._conditions, self.number.tolist(), self.total_reward.tolist(), self.ended)
        for condition, number, total_reward, ended in zip(*columns, strict=True):
            if ended != "fault":
                conditions.setdefault(condition, {})[number] = total_reward
        return conditions

    @cached_property
    def faulty(self) -> dict[tuple[str, tuple[int, ...]], set[int]]:
        """By replacement and hidden players, the numbers of the seeds at which the episode ended by a fault."""
        conditions: dict[tuple[str, tuple[int, ...]], set[int]] = {}
        for position in np.flatnonzero(self.ended == "fault").tolist():
            conditions.setdefault(self._conditions[position], set()).add(int(self.number[position]))
        return conditions

    def failed(self, hidden: Collection[int], replacement: str) -> int:
        """At how many seeds hiding these players ended in a fault, and hiding nothing did not."""
        numbers = self.faulty.get((replacement, tuple(sorted(hidden))), set())
        return len(numbers & self.returns((), "").keys())

    @cached_property
    def tasks(self) -> frozenset[Task]:
        """The tasks that were run, whether or not they ended by a fault."""
        rows = zip(self._conditions, self.number.tolist(), strict=True)
        return frozenset(Task(*condition, number) for condition, number in rows)

    def returns(self, hidden: Collection[int], replacement: str) -> dict[int, float]:
        """The return by the number of the seed, of complete episodes in which exactly these players are hidden."""
        return self.by_condition.get((replacement if len(hidden) else "", tuple(sorted(hidden))), {})

    def where(self, selected: np.ndarray) -> Rollouts:
        """Some rows: bool `[row]`, or positions."""
        return Rollouts(**{name: getattr(self, name)[selected] for name in COLUMNS})


def joined(parts: Sequence[Rollouts], players: int) -> Rollouts:
    """The rows of several tables, one after another."""
    if not parts:
        return Rollouts(**{name: np.zeros((0, players) if name == "hidden" else 0, dtype) for name, dtype in _TYPES})
    return Rollouts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})


_TYPES = (
    ("replacement", object),
    ("hidden", bool),
    ("number", np.int64),
    ("seed", np.int64),
    ("total_reward", np.float64),
    ("steps", np.int64),
    ("ended", object),
    ("fault", object),
    ("purpose", object),
    ("part", np.float64),
)
