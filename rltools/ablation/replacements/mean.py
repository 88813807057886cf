"""The mean over visited states."""

import numpy as np

from rltools.ablation.replacements._replacement import ReplacementInput, replacement


@replacement("its mean over visited states", mixes_choices=True)
def mean(rows: ReplacementInput) -> np.ndarray:
    """The mean of each element over the visited states; of a one-hot choice, how often it has each value.

    The replacement of Engelhardt et al. 2024 (doi 10.1007/978-3-031-63800-8_9).
    """
    return np.broadcast_to(rows.visited.mean, rows.x.shape)
