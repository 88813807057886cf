"""Action spaces: how many scores they need, what their actions are called, and how scores become actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from torch import Tensor

from rltools.envs import is_old_space
from rltools.errors import ArgumentError


def branches(space: Space[Any]) -> tuple[int, ...]:
    """How many values each discrete choice has; empty for continuous actions. A bit of a MultiBinary has two.

    Raises:
        ArgumentError: a space that is not supported.

    >>> branches(Discrete(4)), branches(MultiDiscrete([3, 2])), branches(MultiBinary(2)), branches(Box(0, 1, (2,)))
    ((4,), (3, 2), (2, 2), ())
    """
    if not isinstance(space, Space) and not is_old_space(space):
        raise ArgumentError(
            f"the action space is {space!r:.80}, a {type(space).__name__}; give a space of gymnasium.spaces, for "
            f"instance env.action_space"
        )
    if 0 in (space.shape or ()):
        raise ArgumentError(f"actions of shape {tuple(space.shape or ())} leave nothing to decide; give at least one")
    if isinstance(space, Discrete):
        return (int(space.n),)
    if isinstance(space, MultiDiscrete):
        return tuple(int(count) for count in space.nvec.reshape(-1))
    if isinstance(space, MultiBinary):
        return (2,) * prod(space.shape)
    if isinstance(space, Box):
        return ()
    if is_old_space(space):
        raise ArgumentError(
            f"actions are a {type(space).__name__} of the old library gym; give the space of the same name of "
            f"gymnasium.spaces, or make the environment through shimmy: "
            f'gymnasium.make("GymV26Environment-v0", env=env)'
        )
    raise ArgumentError(
        f"actions of {type(space).__name__} are not supported; they must be Discrete, MultiDiscrete, MultiBinary or "
        f"Box: {space}"
    )


def count_actions(space: Space[Any]) -> int:
    """How many scores decide: one per discrete action, one per value of each branch, or one per dimension of a Box.

    Raises:
        ArgumentError: a space that is not supported.
    """
    return sum(branches(space)) if not isinstance(space, Box) else prod(space.shape)


def default_names(space: Space[Any]) -> tuple[str, ...]:
    """Names for actions that have none.

    >>> default_names(Discrete(2)), default_names(MultiBinary(1))
    (('action 0', 'action 1'), ('action[0]=off', 'action[0]=on'))
    """
    sizes = branches(space)
    if len(sizes) <= 1 and not isinstance(space, MultiBinary | MultiDiscrete):
        return tuple(f"action {position}" for position in range(count_actions(space)))
    names = []
    for index, size in zip(np.ndindex(tuple(space.shape or ())), sizes, strict=True):
        start = int(space.start[index]) if isinstance(space, MultiDiscrete) else 0
        values: Sequence[object] = ("off", "on") if isinstance(space, MultiBinary) else range(start, start + size)
        names += [f"action[{', '.join(map(str, index))}]={value}" for value in values]
    return tuple(names)


def action_positions(
    actions: np.ndarray,
    space: Space[Any],
    branches: Sequence[int],
    dtype: torch.dtype,
    device: torch.device | None,
) -> Tensor:
    """Actions as the environment takes them -> `Context.action`: discrete ones count from 0, whatever their start.

    Args:
        actions: `[batch, *action]`.
        space: the action space.
        branches: how many values each discrete choice has; empty for continuous actions.
        dtype: of continuous actions in the result.
        device: of the result; None is the CPU.
    """
    if not branches:
        continuous = torch.from_numpy(actions.copy())  # the environment may write into its own
        if continuous.ndim != 2:
            continuous = continuous.reshape(len(actions), -1)
        return continuous if continuous.dtype is dtype and device is None else continuous.to(device, dtype)
    start = getattr(space, "start", 0)
    values = actions if isinstance(start, int) and start == 0 else actions - start
    if values.ndim > 1:  # a single choice that comes in an array is a choice like any other
        values = values.reshape(len(actions), -1) if len(branches) > 1 else values.reshape(len(actions))
    positions = torch.from_numpy(values if values.flags.writeable else values.copy())  # arrays of a file are read-only
    return positions if values.dtype == np.int64 and device is None else positions.to(device, torch.int64)


Generators = Sequence[np.random.Generator]


def each_row(scores: Tensor, rngs: Generators | None) -> Generators:
    """The random generators, one for each row of scores.

    Raises:
        ArgumentError: none, or not as many as there are rows.
    """
    if rngs is None or len(rngs) != len(scores):
        number = "none" if rngs is None else len(rngs)
        raise ArgumentError(
            f"random actions need rngs, a generator for each of the {len(scores)} rows; given: {number}"
        )
    return rngs


def greedy(scores: Tensor) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`, the positions of the highest scores; the first one among equals."""
    actions: np.ndarray = scores.numpy(force=True).argmax(axis=1)  # a third of the time torch takes for a few rows
    return actions


def as_logits(probabilities: Tensor) -> Tensor:
    """Probabilities `[..., k]` -> logits with these probabilities; that of an impossible action is finite, too."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def clipping(space: Box) -> Callable[[Tensor], np.ndarray]:
    """A function `[batch, k]` -> the same within the bounds of a Box."""
    low, high = torch.from_numpy(space.low.reshape(-1)), torch.from_numpy(space.high.reshape(-1))

    def clipped(scores: Tensor) -> np.ndarray:
        bounded: np.ndarray = torch.clamp(scores.cpu(), low, high).numpy()
        return bounded

    return clipped


def categorical(logits: Tensor, rngs: Generators | None) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`, positions drawn with the probabilities of the logits."""
    rngs = each_row(logits, rngs)
    edges = torch.softmax(logits.double(), dim=1).cumsum(dim=1).cpu().numpy()
    drawn = [np.searchsorted(row, rng.random() * row[-1], side="right") for row, rng in zip(edges, rngs, strict=True)]
    return np.asarray(drawn, dtype=np.int64)


def gaussian(mean: Tensor, std: Tensor, rngs: Generators | None) -> Tensor:
    """`mean [batch, k]` and `std`, broadcast to it -> a draw from each row's normal distribution."""
    noise = np.stack([rng.standard_normal(mean.shape[1]) for rng in each_row(mean, rngs)])
    return mean + std * torch.as_tensor(noise, dtype=mean.dtype, device=mean.device)


def epsilon_greedy(scores: Tensor, epsilon: float, rngs: Generators | None) -> np.ndarray:
    """`[batch, k]` -> int64 `[batch]`: with probability `epsilon` a random position, else the highest score's."""
    actions = greedy(scores)
    for row, rng in enumerate(each_row(scores, rngs)):
        if rng.random() < epsilon:
            actions[row] = rng.integers(scores.shape[1])
    return actions


def in_branches(
    scores: Tensor, branches: Sequence[int], deterministic: bool, rngs: Generators | None, mask: Tensor | None
) -> np.ndarray:
    """`[batch, k]` -> int64 positions `[batch]`, or `[batch, branch]` if several are chosen together.

    Each is the highest score among the allowed ones, or a draw with the probabilities of the logits.
    """
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    if len(branches) == 1:
        return greedy(scores) if deterministic else categorical(scores, rngs)
    parts = torch.split(scores, list(branches), dim=1)
    return np.stack([greedy(part) if deterministic else categorical(part, rngs) for part in parts], axis=1)
