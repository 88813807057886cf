"""Several observations in a row, the last one last, as `gymnasium.vector.utils.batch_space` lays them out."""

from __future__ import annotations

import dataclasses

from rltools.naming._named import Found, Named
from rltools.regions import ago


def stacked(inner: Found, lags: int) -> Found:
    """What is known of so many observations as one."""
    times = [f", {ago(lags - 1 - lag)}" for lag in range(lags)]
    return {path: _stacked(of, times) for path, of in inner.items() if of.leaf.kind != "text"}


def earlier(of: Named, when: str) -> Named:
    """An observation of another time; a picture keeps its numbers."""
    names = tuple(name + when for name in of.entry_names()) if of.names or not of.is_image else ()
    return dataclasses.replace(of, names=names, choices=tuple(name + when for name in of.choice_names()))


def _stacked(of: Named, times: list[str]) -> Named:
    if of.leaf.kind == "choice" and of.leaf.shape:  # its numbers, not one-hot: that is what batch_space makes of it
        return dataclasses.replace(
            of, names=tuple(name + when for when in times for name in of.choice_names()), units=(), dims=(), choices=()
        )
    at = [earlier(of, when) for when in times]
    dims = of.part.dims
    return dataclasses.replace(
        of,
        names=tuple(name for one in at for name in one.names),
        units=of.units * len(times),
        dims=("lag", *dims) if of.leaf.kind == "number" and dims else (),
        choices=tuple(name for one in at for name in one.choices) if of.leaf.kind == "choice" else (),
    )
