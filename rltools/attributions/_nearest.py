"""The references that each row is compared with: all of them, or those nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rltools.attributions._blocks import copies_at_once
from rltools.attributions._method import RowScore
from rltools.errors import ArgumentError


def compared(references: int, settings: Mapping[str, Any]) -> int:
    """How many of so many references each row is compared with."""
    return min(settings["nearest"] or references, references)


def starts(score: RowScore, x: Tensor, reference: Tensor, nearest: int) -> list[Tensor]:
    """The references to compare rows `x [batch, *feature]` with, one after another.

    Args:
        score: says how many copies of the rows there may be at once.
        x: the rows.
        reference: `[reference, *feature]`.
        nearest: how many of them, the nearest first and the earlier of two that are equally near; distances are
            Euclidean, in standard deviations of each feature over the references, and features that do not vary there
            count nothing. 0 for all of them.

    Returns:
        Each `[*feature]` where all rows have the same, else `[batch, *feature]`.

    Raises:
        ArgumentError: nearest is negative.
    """
    if nearest < 0:
        raise ArgumentError(f"nearest is {nearest}; it must be 0, for all references, or how many of them")
    if not 0 < nearest < len(reference):
        return list(reference)
    deviation = reference.std(0, correction=0)
    scale = torch.where(deviation > 0, 1 / deviation, 0)
    blocks = torch.split(reference, copies_at_once(score.most_copies, len(x)))
    distances = [((x[:, None] - block) * scale).square().flatten(2).sum(2) for block in blocks]
    order = torch.cat(distances, 1).argsort(dim=1, stable=True)
    return [reference[order[:, place]] for place in range(nearest)]
