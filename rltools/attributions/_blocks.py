"""How many copies of each row go through the network at once."""

from __future__ import annotations

from torch import Tensor

from rltools.attributions._method import RowScore


def copies_at_once(most_copies: int, rows: int) -> int:
    """Of each of so many rows, where no more than `most_copies` fit together; at least one."""
    return max(1, most_copies // max(1, rows))


def gradients_at_once(score: RowScore, x: Tensor) -> int:
    """Of each row of `x [batch, *feature]`, where gradients are taken: each target has its own, as large as a copy."""
    return copies_at_once(score.most_copies, len(x) * score.outputs)
