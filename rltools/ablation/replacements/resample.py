"""Resampling: the values of another visited state, which is drawn anew at each step."""

import numpy as np

from rltools.ablation.replacements._replacement import ReplacementInput, replacement


@replacement("that of another visited state")
def resample(rows: ReplacementInput) -> np.ndarray:
    """The values of a visited state that is drawn at each step; all hidden values come from the same one.

    What is hidden together keeps its dependence, and what is seen loses its dependence on it: the marginal
    distribution of the hidden values (Janzing et al. 2020; "interventional" in the words of Lundberg et al. 2020).
    """
    states = rows.visited.states
    return np.asarray(states[(rows.draws * len(states)).astype(np.int64)])
