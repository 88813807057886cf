"""Zero."""

import numpy as np

from rltools.ablation.replacements._replacement import ReplacementInput, replacement


@replacement("0", mixes_choices=True)
def zero(rows: ReplacementInput) -> np.ndarray:
    """Zero in the environment's units, whatever it means there; of a one-hot choice, no value at all."""
    return np.zeros_like(rows.x)
