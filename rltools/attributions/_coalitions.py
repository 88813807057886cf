"""Coalitions of players: which features a state keeps, and which it takes from another state."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from rltools.attributions._blocks import copies_at_once
from rltools.attributions._method import RowScore
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


def worths(score: RowScore, x: Tensor, start: Tensor, coalitions: Coalitions, count: int, owner: Tensor) -> Tensor:
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
