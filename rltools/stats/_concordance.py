"""Concordance of sizes with measured losses, by pairs: how far an order agrees where agreeing matters.

Of two things whose losses are nearly equal it is no fault to name the wrong one first, so that pairs count by the
difference of their losses, or only if it is certain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rltools.stats._intervals import Jackknife

RESOLVED = 2.0
"""Paired standard errors beyond which the order of two losses counts as certain."""


def loss_concordance(sizes: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The sum over pairs of sign agreement times |difference of losses|, divided by the sum of |difference of losses|.

    Args:
        sizes: float `[..., thing]`, which order the things; only their order counts.
        losses: float `[..., thing]`, signed; leading axes are broadcast.

    Returns:
        float64 `[...]` from -1 (reversed) to 1 (the order of the losses); unrelated orders have 0 on average, and so
        have equal sizes. NaN if all losses are equal, or a number is NaN.

    >>> losses = np.array([10.0, 4.0, 3.0])
    >>> f"{loss_concordance(np.array([3.0, 1.0, 2.0]), losses):.3f}", float(loss_concordance(np.zeros(3), losses))
    ('0.857', 0.0)
    """
    first, second = np.triu_indices(np.shape(losses)[-1], 1)
    apart = losses[..., first] - losses[..., second]
    signs = np.sign(sizes[..., first] - sizes[..., second])
    return _quotient((signs * apart).sum(axis=-1), np.abs(apart).sum(axis=-1))


def resolved_pairs(losses: Jackknife, errors: float = RESOLVED) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of things whose losses differ by more than so many standard errors of their paired difference.

    Args:
        losses: `[thing]`, with the values without each seed.
        errors: how many standard errors.

    Returns:
        int64 `[pair]` twice: positions of the thing with the larger loss, and of the other one.
    """
    first, second = np.triu_indices(len(losses.value), 1)
    apart = Jackknife(
        losses.value[first] - losses.value[second],
        tuple(source[:, first] - source[:, second] for source in losses.without),
    )
    with np.errstate(invalid="ignore"):
        certain = np.abs(apart.value) > errors * apart.standard_error()
    larger = np.where(apart.value > 0, first, second)[certain]
    return larger, np.where(apart.value > 0, second, first)[certain]


def ordered_right(sizes: np.ndarray, losses: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The share of some pairs that sizes order as losses do; equal sizes count as half.

    Args:
        sizes: float `[..., thing]`.
        losses: float `[..., thing]`.
        pairs: positions of the things of each pair, as `resolved_pairs` returns them.

    Returns:
        float64 `[...]` from 0 to 1; NaN without pairs.
    """
    first, second = pairs
    agreeing = np.sign(sizes[..., first] - sizes[..., second]) * np.sign(losses[..., first] - losses[..., second])
    return _quotient((1 + agreeing).sum(axis=-1) / 2, np.full(agreeing.shape[:-1], float(len(first))))


def captured_loss(sizes: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The loss of the thing of the largest size, relative to the largest loss; the mean if several are as large.

    Args:
        sizes: float `[..., thing]`.
        losses: float `[..., thing]`.

    Returns:
        float64 `[...]`, at most 1, and below 0 if that loss is; NaN if no loss is above 0, or a number is NaN.
    """
    largest = sizes == sizes.max(axis=-1, keepdims=True)
    first = _quotient((largest * losses).sum(axis=-1), largest.sum(axis=-1).astype(np.float64))
    most = np.broadcast_to(losses.max(axis=-1), first.shape)
    return _quotient(first, np.where(most > 0, most, np.nan))


def joint(statistic: Callable[..., np.ndarray], *estimates: Jackknife) -> Jackknife:
    """A statistic of several independent estimates, whose sources of chance add up.

    An order does not change if a single seed is left out, and yet it may change with other seeds. So the statistic is
    evaluated where the estimate moves by about its standard error: sqrt(parts - 1) times as far as it moves without a
    part, in the same direction. What that changes is divided by as much again, which is the jackknife for a smooth
    statistic, and has the right size for one that jumps (Shao and Wu 1989 leave out many parts for the same reason).

    Args:
        statistic: of arrays `[..., *k]`, one for each estimate, whose leading axes it broadcasts.
        estimates: each with its values without each part of each of its own sources of chance.

    Returns:
        The statistic with the sources of all estimates, in their order.
    """
    values = [estimate.value for estimate in estimates]
    center = np.asarray(statistic(*values))
    without = []
    for position, estimate in enumerate(estimates):
        for source in estimate.without:
            reach = np.sqrt(max(1, len(source) - 1))
            moved = estimate.value + reach * (source - estimate.value)
            changed = statistic(*values[:position], moved, *values[position + 1 :])
            without.append(center + (changed - center) / reach)
    return Jackknife(center, tuple(without))


def _quotient(number: np.ndarray, total: np.ndarray) -> np.ndarray:
    """A quotient of `[...]`; NaN where the divisor is 0."""
    result: np.ndarray = np.divide(
        number, total, out=np.full(np.broadcast_shapes(np.shape(number), np.shape(total)), np.nan), where=total != 0
    )
    return result
