"""A value from earlier in the same episode."""

import numpy as np

from rltools.ablation.replacements._replacement import ReplacementInput, replacement


@replacement("its value at an earlier step", needs=("earlier",))
def hold(rows: ReplacementInput) -> np.ndarray:
    """The values at an earlier step of the episode, of which each is as likely, held until another one is drawn.

    The step is drawn with a reservoir (Vitter 1985), so that it changes less and less often.
    """
    assert rows.earlier is not None
    return rows.earlier
