"""The policies whose attributions are known, each with its function and the mean gradient on a line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from rltools.policies.torch_policy import TorchPolicy
from rltools.spaces import Features
from rltools.testing.truth._truth import Truth

REACH = 1000.0
"""Bound of observations and of the continuous action; none of those that are drawn comes near it."""


def truths() -> dict[str, Truth]:
    """The policies whose attributions are known, by their names.

    Example:
        >>> from rltools.testing.truth import truths
        >>> list(truths())
        ['linear', 'tree', 'xor', 'gated', 'blended', 'copy', 'mean_of_copies', 'irrelevant']
        >>> print(truths()["gated"].description)
        The left number if the gate is above 0, else the right number.
    """
    makers = (_linear, _tree, _xor, _gated, _blended, _copy, _mean_of_copies, _irrelevant)
    return {truth.name: truth for truth in (make() for make in makers)}


class _Scores(nn.Module):
    """The scores of two actions, 0 and a function `[row, feature] -> [row]`; or that function as an action."""

    def __init__(self, function: Callable[[Tensor], Tensor], continuous: bool = False) -> None:
        super().__init__()
        self.function, self.continuous = function, continuous

    def forward(self, x: Tensor) -> Tensor:
        value = self.function(x)
        return value[:, None] if self.continuous else torch.stack([torch.zeros_like(value), value], dim=1)


def _linear() -> Truth:
    return _of_weights(
        "linear",
        "Twice the height, minus the speed, plus half the load; the color is ignored.",
        ("height", "speed", "load", "color"),
        (2.0, -1.0, 0.5, 0.0),
        lambda rng, count: rng.normal(0, (1, 2, 0.5, 3), (count, 4)),
        irrelevant=(3,),
    )


def _copy() -> Truth:
    return _of_weights(
        "copy",
        "1.5 times the speed, minus the load; the copy of the speed, which is always equal to it, is ignored.",
        ("speed", "copy of speed", "load"),
        (1.5, 0.0, -1.0),
        _with_copy,
        irrelevant=(1,),
    )


def _mean_of_copies() -> Truth:
    return _of_weights(
        "mean_of_copies",
        "1.5 times the mean of the speed and its copy, which are always equal, minus the load.",
        ("speed", "copy of speed", "load"),
        (0.75, 0.75, -1.0),
        _with_copy,
        alike=(0, 1),
    )


def _tree() -> Truth:
    """A decision tree jumps and is constant elsewhere, so that its gradient is 0 almost everywhere."""

    def leaf_value(x: np.ndarray) -> np.ndarray:
        upper = np.where(x[:, 1] > 1, np.where(x[:, 2] > 0, 4.0, 2.0), 1.0)
        return np.where(x[:, 0] > 0, upper, np.where(x[:, 2] > -0.5, -1.0, -2.0))

    def scores(x: Tensor) -> Tensor:
        upper = torch.where(x[:, 1] > 1, torch.where(x[:, 2] > 0, 4.0, 2.0), 1.0)
        leaf = torch.where(x[:, 0] > 0, upper, torch.where(x[:, 2] > -0.5, -1.0, -2.0))
        return leaf.to(x) + 0 * x.sum(1)  # the sum makes it differentiable

    return Truth(
        "tree",
        "A decision tree of three levels: height, speed and load, or height and load; the color is ignored.",
        _policy(_Scores(scores), ("height", "speed", "load", "color")),
        "logit:1",
        leaf_value,
        lambda x, start: np.zeros_like(x),
        lambda rng, count: rng.normal(0, (1, 2, 0.5, 3), (count, 4)),
        irrelevant=(3,),
    )


def _xor() -> Truth:
    """A function of the number of switches that are on, piecewise linear with kinks at 0.5 and 1.25."""

    def of_sum(total: np.ndarray) -> np.ndarray:
        return np.asarray(2 * np.maximum(total - 0.5, 0) - 4 * np.maximum(total - 1.25, 0))

    def mean_gradient(x: np.ndarray, start: np.ndarray) -> np.ndarray:
        total, before = x[:, :2].sum(axis=1), start[:, :2].sum(axis=1)
        change = np.where(total == before, 1, total - before)
        at_once = np.where(total > 0.5, 2.0, 0.0) - np.where(total > 1.25, 4.0, 0.0)
        rise = np.where(total == before, at_once, (of_sum(total) - of_sum(before)) / change)
        return np.stack([rise, rise, np.zeros_like(rise)], axis=1)

    switches, scores = nn.Linear(3, 2), nn.Linear(2, 2, bias=False)
    network = nn.Sequential(switches, nn.ReLU(), scores).double()
    with torch.no_grad():
        switches.weight.copy_(torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]))
        switches.bias.copy_(torch.tensor([-0.5, -1.25]))
        scores.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, -4.0]]))
    return Truth(
        "xor",
        "1 if exactly one of two switches is on, else 0, by a network of two ReLUs; the color is ignored.",
        _policy(network, ("first switch", "second switch", "color")),
        "logit:1",
        lambda x: of_sum(x[:, :2].sum(axis=1)),
        mean_gradient,
        lambda rng, count: np.hstack([rng.integers(0, 2, (count, 2)).astype(float), rng.normal(0, 3, (count, 1))]),
        irrelevant=(2,),
    )


def _gated() -> Truth:
    def mean_gradient(x: np.ndarray, start: np.ndarray) -> np.ndarray:
        to, begin = x[:, 0], start[:, 0]
        above, below = np.maximum(to, begin), np.minimum(to, begin)
        crossing = (above > 0) & (below <= 0)
        share = np.where(crossing, above / np.where(crossing, above - below, 1), above > 0)
        return np.stack([np.zeros_like(share), share, 1 - share], axis=1)

    return Truth(
        "gated",
        "The left number if the gate is above 0, else the right number.",
        _policy(_Scores(lambda x: torch.where(x[:, 0] > 0, x[:, 1], x[:, 2])), ("gate", "left", "right")),
        "logit:1",
        lambda x: np.where(x[:, 0] > 0, x[:, 1], x[:, 2]),
        mean_gradient,
        lambda rng, count: rng.normal(0, (1, 1, 2), (count, 3)),
    )


def _blended() -> Truth:
    def mean_gradient(x: np.ndarray, start: np.ndarray) -> np.ndarray:
        gate, left, right = ((x + start) / 2).T  # the gradient is linear, so its mean is that in the middle
        return np.stack([left - right, gate, 1 - gate], axis=1)

    return Truth(
        "blended",
        "The gate's share of the left number, plus the rest of the right number, for a gate from 0 to 1.",
        _policy(_Scores(lambda x: x[:, 0] * x[:, 1] + (1 - x[:, 0]) * x[:, 2]), ("gate", "left", "right")),
        "logit:1",
        lambda x: x[:, 0] * x[:, 1] + (1 - x[:, 0]) * x[:, 2],
        mean_gradient,
        lambda rng, count: np.hstack([rng.random((count, 1)), rng.normal(0, (1, 2), (count, 2))]),
    )


def _irrelevant() -> Truth:
    def mean_gradient(x: np.ndarray, start: np.ndarray) -> np.ndarray:
        lean, speed, _ = ((x + start) / 2).T
        return np.stack([speed, lean + speed, np.zeros_like(lean)], axis=1)

    return Truth(
        "irrelevant",
        "A torque: the product of lean and speed plus half the speed's square; clutter, which varies most, is ignored.",
        _policy(_Scores(lambda x: x[:, 0] * x[:, 1] + x[:, 1] ** 2 / 2, continuous=True), ("lean", "speed", "clutter")),
        "action:0",
        lambda x: x[:, 0] * x[:, 1] + x[:, 1] ** 2 / 2,
        mean_gradient,
        lambda rng, count: rng.normal(0, (1, 2, 100), (count, 3)),
        irrelevant=(2,),
    )


def _of_weights(
    name: str,
    description: str,
    features: tuple[str, ...],
    weights: tuple[float, ...],
    draw: Callable[[np.random.Generator, int], np.ndarray],
    *,
    irrelevant: tuple[int, ...] = (),
    alike: tuple[int, ...] = (),
) -> Truth:
    layer = nn.Linear(len(weights), 2).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
        layer.bias.zero_()
    return Truth(
        name,
        description,
        _policy(layer, features),
        "logit:1",
        lambda x: x @ np.array(weights),
        lambda x, start: np.tile(weights, (len(x), 1)),
        draw,
        irrelevant=irrelevant,
        alike=alike,
        linear=True,
    )


def _policy(module: nn.Module, names: tuple[str, ...]) -> TorchPolicy:
    continuous = isinstance(module, _Scores) and module.continuous
    return TorchPolicy(
        module,
        Box(-REACH, REACH, (len(names),), np.float64),
        Box(-REACH, REACH, (1,), np.float64) if continuous else Discrete(2),
        features=Features((len(names),), given_names=names),
        dtype=torch.float64,
    )


def _with_copy(rng: np.random.Generator, count: int) -> np.ndarray:
    speed, load = rng.normal(0, (1, 2), (count, 2)).T
    return np.stack([speed, speed, load], axis=1)
