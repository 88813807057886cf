"""The values of a visited state that is like this one in what is seen."""

import numpy as np

from rltools.ablation.replacements._replacement import ReplacementInput, replacement

NEIGHBORS = 16
"""The number of similar states of which one is drawn."""


@replacement("that of a similar visited state", needs=("hidden",))
def nearest(rows: ReplacementInput) -> np.ndarray:
    """The values of one of the 16 visited states that are most alike in the seen elements, drawn at each step.

    Alike is a small Euclidean distance in standard deviations of each element; all states that are as alike as the last
    of the 16 may be drawn, so that whole numbers keep the frequencies of the visits. So the hidden values are nearly
    distributed as they are given the seen ones (conditional, as in Frye et al. 2021), and a feature that others
    determine loses nothing. Where nothing is seen, all visited states are as alike.
    """
    assert rows.hidden is not None
    visited = rows.visited
    seen = ~rows.hidden
    count = min(NEIGHBORS, len(visited.states))
    donors = np.empty_like(rows.x)
    scaled = visited.in_std(rows.x)
    for row, (own, shows) in enumerate(zip(scaled, seen, strict=True)):  # row by row, so that no other row matters
        if not shows.any():
            donors[row] = visited.states[int(rows.draws[row] * len(visited.states))]
            continue
        distance = np.square(visited.scaled[:, shows] - own[shows]).sum(axis=1)
        alike = np.flatnonzero(distance <= np.partition(distance, count - 1)[count - 1])
        donors[row] = visited.states[alike[int(rows.draws[row] * len(alike))]]
    return donors
