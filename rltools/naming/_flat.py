"""Observations flattened into one vector, in the order of `gymnasium.spaces.flatten`."""

from __future__ import annotations

from itertools import chain

from rltools.naming._named import Found, Named
from rltools.observations import Leaf


def flattened(inner: Found) -> Found:
    """One vector of all entries; a choice is one-hot in it, as it is where it is encoded."""
    every = list(inner.values())
    plain = len(every) == 1 and not every[0].names and len(every[0].part.shape) <= 1 and not every[0].leaf.path
    names = () if plain else _different(every)
    units = tuple(chain.from_iterable(of.units or ("",) * of.leaf.size for of in every))
    whole = Leaf((), "number", (sum(of.leaf.size for of in every),), "float32")
    return {(): Named(whole, names, units, ("feature",))}


def _different(every: list[Named]) -> tuple[str, ...]:
    names = tuple(chain.from_iterable(of.entry_names() for of in every))
    if len(set(names)) == len(names):
        return names
    longer = tuple(f"{of.leaf.name}: {name}" if of.names else name for of in every for name in of.entry_names())
    return longer if len(set(longer)) == len(longer) else ()
