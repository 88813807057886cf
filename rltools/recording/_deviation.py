"""How much the entries of recorded states vary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

AT_ONCE = 256
"""So many states are widened to float64 at a time: a long episode of pictures is large."""


def deviation(episodes: Iterable[np.ndarray], size: int) -> np.ndarray | None:
    """The standard deviation of each entry over the states of all episodes; None where no state is finite.

    The parts are joined as Chan, Golub and LeVeque (1983) do, which stays exact where a mean is large beside its
    deviation.

    Args:
        episodes: float `[step, *feature]` each, one in memory at a time, in the features' own units; a state with a NaN
            or an infinity is left out.
        size: of a state.

    Returns:
        float64 `[size]`, in the features' own units.
    """
    count, mean, squares = 0, np.zeros(size), np.zeros(size)
    for states in episodes:
        flat = states.reshape(len(states), size)
        for start in range(0, len(flat), AT_ONCE):
            part = flat[start : start + AT_ONCE].astype(np.float64)
            part = part[np.isfinite(part).all(axis=1)]
            if len(part) == 0:
                continue
            step, total = part.mean(axis=0) - mean, count + len(part)
            squares += part.var(axis=0) * len(part) + step**2 * count * len(part) / total
            mean += step * len(part) / total
            count = total
    return np.sqrt(squares / count) if count else None
