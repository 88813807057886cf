"""Coalitions of players: features in a coalition keep the row's values, and the others take those of a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.targets.function import TargetFunction

Groups = tuple[tuple[int, ...], ...]
Coalitions = Callable[[Tensor], Tensor]
"""Maps numbers of coalitions, int64 `[coalition]`, to their members, bool `[coalition, player]`."""


def owners(x: Tensor, groups: Groups | None) -> Tensor:
    """The player that each element of a row of `x [batch, *feature]` belongs to, int64 `[element]`.

    Raises:
        ArgumentError: an element is in no group or in two, or a group is empty.
    """
    elements = prod(x.shape[1:])
    if groups is None:
        return torch.arange(elements, device=x.device)
    positions = [position for group in groups for position in group]
    if sorted(positions) != list(range(elements)) or not all(groups):
        raise ArgumentError(
            f"{len(groups)} groups have {len(positions)} positions, {len(set(positions))} different ones; each of 0 to "
            f"{elements - 1}, a state's elements in row-major order, must be in one of them, and none may be empty"
        )
    owner = torch.empty(elements, dtype=torch.int64)
    for player, group in enumerate(groups):
        owner[list(group)] = player
    return owner.to(x.device)


def spread_evenly(values: Tensor, owner: Tensor, shape: torch.Size) -> Tensor:
    """Spread each player's value, `[batch, target, player]`, evenly over its elements: `[batch, target, *shape]`."""
    elements = torch.bincount(owner).to(values.dtype)
    return (values / elements)[..., owner].reshape(*values.shape[:2], *shape)


def coalition_values(
    f: TargetFunction, x: Tensor, reference: Tensor, members: Coalitions, count: int, owner: Tensor
) -> Tensor:
    """The target values of rows that keep a coalition's elements and take the others from a reference.

    Args:
        f: the target function.
        x: `[batch, *feature]`.
        reference: `[*feature]`, or one for each row, `[batch, *feature]`.
        members: of each coalition, by its number.
        count: how many coalitions there are.
        owner: the player of each element.

    Returns:
        `[batch, count, target]`.
    """
    others = reference if reference.ndim < x.ndim else reference[:, None]
    numbers = torch.arange(count, device=x.device)

    def copies(part: slice) -> Tensor:
        keeps = members(numbers[part])[:, owner].view(-1, *x.shape[1:])
        return torch.where(keeps, x[:, None], others)

    return f.over(x, count, copies)


def rounding_of(values: Tensor) -> Tensor:
    """The size `[batch, target]` up to which differences of coalition values `[batch, target, coalition]` are rounding.

    A matrix product rounds a row by its position in memory, so that one state as two coalitions has two values, which
    differ in their last digits. A player that never adds more than that adds exactly 0.
    """
    return 16 * torch.finfo(values.dtype).eps * values.abs().amax(2)


def count_compared(references: int, settings: Mapping[str, Any]) -> int:
    """How many of `references` references each row is compared with."""
    return min(settings["nearest"] or references, references)


def nearest_references(f: TargetFunction, x: Tensor, references: Tensor, nearest: int) -> list[Tensor]:
    """The references to compare rows `x [batch, *feature]` with, one after another.

    Args:
        f: bounds how many copies of the rows are made together.
        x: the rows.
        references: `[reference, *feature]`.
        nearest: how many of them, the nearest first and the earlier of two that are equally near; distances are
            Euclidean, in standard deviations of each feature over the references, and ignore features that do not vary
            there. 0 for all of them.

    Returns:
        Each `[*feature]` if all rows have the same, else `[batch, *feature]`.

    Raises:
        ArgumentError: nearest is negative.
    """
    if nearest < 0:
        raise ArgumentError(f"nearest is {nearest}; it must be 0, for all references, or how many of them")
    if not 0 < nearest < len(references):
        return list(references)
    std = references.std(0, correction=0)
    scale = torch.where(std > 0, 1 / std, 0)
    blocks = torch.split(references, f.copies_together(len(x)))
    distances = [((x[:, None] - block) * scale).square().flatten(2).sum(2) for block in blocks]
    order = torch.cat(distances, 1).argsort(dim=1, stable=True)
    return [references[order[:, rank]] for rank in range(nearest)]
