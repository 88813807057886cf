"""Statistics that are computed when somebody looks at them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rltools.summary._estimates import Statistics


class ByName(Mapping[str, Statistics]):
    """Statistics of each name, made at first sight: of many actions and features they take a while.

    Args:
        names: in their order.
        made: from the position of a name to its statistics.
    """

    def __init__(self, names: Sequence[str], made: Callable[[int], Statistics]) -> None:
        self._positions = {name: at for at, name in enumerate(names)}
        self._made = made
        self._known: dict[str, Statistics] = {}

    def __getitem__(self, name: str) -> Statistics:
        """The statistics of a name."""
        if name not in self._known:
            self._known[name] = self._made(self._positions[name])
        return self._known[name]

    def __reduce__(self) -> tuple[type, tuple[dict[str, Statistics]]]:
        """A dict of all of them: what they are made from stays where it is."""
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> ByName:
        """A copy that is as lazy."""
        copied = ByName(tuple(self), self._made)
        copied._known = copy.deepcopy(self._known, memo)
        return copied

    def __repr__(self) -> str:
        """The names; what is not made yet is not made for this."""
        return f"{type(self).__name__}({', '.join(map(repr, self))})"

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._positions)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._positions)
