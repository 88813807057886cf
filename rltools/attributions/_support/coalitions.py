"""Coalitions of players: which features a state keeps, and which it takes from another state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from rltools.attributions._support.method import TargetFunction, copies_at_once
from rltools.errors import ArgumentError

Groups = tuple[tuple[int, ...], ...]
Coalitions = Callable[[Tensor], Tensor]
"""From numbers int64 `[coalition]` of coalitions to who is in each, bool `[coalition, player]`."""
CACHED = 1 << 12
"""Copies at once that a processor keeps in its caches: a fifth faster than 8 times as many."""


def owners(x: Tensor, groups: Groups | None) -> Tensor:
    """The player that each entry of a row of `x [batch, *feature]` belongs to, int64 `[entry]`.

    Raises:
        ArgumentError: an entry is in no group or in two, or a group is empty.
    """
    entries = prod(x.shape[1:])
    if groups is None:
        return torch.arange(entries, device=x.device)
    places = [place for group in groups for place in group]
    if sorted(places) != list(range(entries)) or not all(groups):
        raise ArgumentError(
            f"{len(groups)} groups have {len(places)} positions, {len(set(places))} different ones; each of 0 to "
            f"{entries - 1}, a state's entries in row-major order, must be in one of them, and none may be empty"
        )
    owner = torch.empty(entries, dtype=torch.int64)
    for player, group in enumerate(groups):
        owner[list(group)] = player
    return owner.to(x.device)


def spread(values: Tensor, owner: Tensor, shape: torch.Size) -> Tensor:
    """What each player has, `[batch, target, player]`, evenly over its entries: `[batch, target, *shape]`."""
    entries = torch.bincount(owner).to(values.dtype)
    return (values / entries)[..., owner].reshape(*values.shape[:2], *shape)


def coalition_values(
    score: TargetFunction, x: Tensor, start: Tensor, coalitions: Coalitions, count: int, owner: Tensor
) -> Tensor:
    """The scores of states that keep a coalition's entries and take the others from `start`.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: `[batch, *feature]`.
        start: `[*feature]`, or one for each row, `[batch, *feature]`.
        coalitions: who is in each.
        count: how many there are.
        owner: the player of each entry.

    Returns:
        `[batch, count, target]`.
    """
    rest = start if start.ndim < x.ndim else start[:, None]
    at_once = min(score.most_copies, CACHED) if x.device.type == "cpu" else score.most_copies
    found = []
    for block in torch.split(torch.arange(count, device=x.device), copies_at_once(at_once, len(x))):
        kept = coalitions(block)[:, owner].view(-1, *x.shape[1:])
        found.append(score(torch.where(kept, x[:, None], rest)))
    return torch.cat(found, 1)


def rounding(worth: Tensor) -> Tensor:
    """Up to where differences of worths `[batch, target, coalition]` are rounding: `[batch, target]`.

    A matrix product rounds a row by where it lies in memory, so that one state as two coalitions has two scores, which
    differ in their last digits. Whoever never adds more than that adds exactly 0.
    """
    return 16 * torch.finfo(worth.dtype).eps * worth.abs().amax(2)


def compared(references: int, settings: Mapping[str, Any]) -> int:
    """How many of so many references each row is compared with."""
    return min(settings["nearest"] or references, references)


def starts(score: TargetFunction, x: Tensor, references: Tensor, nearest: int) -> list[Tensor]:
    """The references to compare rows `x [batch, *feature]` with, one after another.

    Args:
        score: says how many copies of the rows there may be at once.
        x: the rows.
        references: `[reference, *feature]`.
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
    if not 0 < nearest < len(references):
        return list(references)
    std = references.std(0, correction=0)
    scale = torch.where(std > 0, 1 / std, 0)
    blocks = torch.split(references, copies_at_once(score.most_copies, len(x)))
    distances = [((x[:, None] - block) * scale).square().flatten(2).sum(2) for block in blocks]
    order = torch.cat(distances, 1).argsort(dim=1, stable=True)
    return [references[order[:, place]] for place in range(nearest)]
