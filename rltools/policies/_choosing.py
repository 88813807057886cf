"""From scores to actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from rltools.errors import ArgumentError

Generators = Sequence[np.random.Generator]


def each_row(scores: Tensor, rngs: Generators | None) -> Generators:
    """The random generators, one for each row of scores.

    Raises:
        ArgumentError: none, or another number than there are rows.
    """
    if rngs is None or len(rngs) != len(scores):
        given = "none" if rngs is None else str(len(rngs))
        raise ArgumentError(f"random actions need rngs, a generator for each of the {len(scores)} rows; given: {given}")
    return rngs


def greedy(scores: Tensor) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`, the positions of the highest scores; the first one of equals."""
    found: np.ndarray = scores.numpy(force=True).argmax(axis=1)  # a third of the time torch takes for a few rows
    return found


def clipping(space: Box) -> Callable[[Tensor], np.ndarray]:
    """A function `[batch, k]` -> the same within the bounds of a Box."""
    low, high = torch.from_numpy(space.low.reshape(-1)), torch.from_numpy(space.high.reshape(-1))
    return partial(_clipped, low, high)


def _clipped(low: Tensor, high: Tensor, scores: Tensor) -> np.ndarray:
    bounded: np.ndarray = torch.clamp(scores.cpu(), low, high).numpy()
    return bounded


def categorical(logits: Tensor, rngs: Generators | None) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`, positions drawn with the probabilities of the logits."""
    rngs = each_row(logits, rngs)
    edges = torch.softmax(logits.double(), dim=1).cumsum(dim=1).cpu().numpy()
    drawn = [np.searchsorted(row, rng.random() * row[-1], side="right") for row, rng in zip(edges, rngs, strict=True)]
    return np.asarray(drawn, dtype=np.int64)


def gaussian(mean: Tensor, deviation: Tensor, rngs: Generators | None) -> Tensor:
    """`mean [batch, k]` and `deviation`, broadcast to it -> a draw of each row's normal distribution."""
    noise = np.stack([rng.standard_normal(mean.shape[1]) for rng in each_row(mean, rngs)])
    return mean + deviation * torch.as_tensor(noise, dtype=mean.dtype, device=mean.device)


def epsilon_greedy(scores: Tensor, epsilon: float, rngs: Generators | None) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`: with probability `epsilon` any position, else that of the highest score."""
    actions = greedy(scores)
    for row, rng in enumerate(each_row(scores, rngs)):
        if rng.random() < epsilon:
            actions[row] = rng.integers(scores.shape[1])
    return actions


def in_branches(
    scores: Tensor, branches: Sequence[int], deterministic: bool, rngs: Generators | None, mask: Tensor | None
) -> np.ndarray:
    """`[batch, k]` -> int64 positions `[batch]`, or `[batch, branch]` where several are chosen at once.

    The highest score of those allowed, or a draw with the probabilities of the logits.
    """
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    if len(branches) == 1:
        return greedy(scores) if deterministic else categorical(scores, rngs)
    parts = torch.split(scores, list(branches), dim=1)
    return np.stack([greedy(part) if deterministic else categorical(part, rngs) for part in parts], axis=1)
