"""Games of which every loss is known: an environment shows bits, and the right answer is a function of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

import rltools
from rltools.ablation import Ablation, AblationSpec, Rollouts

Rule = Callable[[Any], Any]
"""From bits `[..., bit]`, an array or a tensor, to whether the answer is 1."""


class Guessing(gymnasium.Env[Any, Any]):
    """Shows new bits at every step, whatever is done, and pays for the right answer.

    Args:
        rule: the right answer.
        size: how many bits there are.
        length: of an episode.
        pays: the reward of a wrong answer, and of a right one.
        copies: positions of bits that are copies of the first.
        at_once: whether all is paid at the end: the second reward if every answer was right, else the first.
    """

    action_space = Discrete(2)

    def __init__(
        self,
        rule: Rule,
        size: int = 3,
        length: int = 12,
        pays: tuple[float, float] = (0.0, 1.0),
        copies: Sequence[int] = (),
        at_once: bool = False,
    ) -> None:
        self.observation_space = Box(0, 1, (size,), np.float32)
        self.rule, self.length, self.pays, self.copies, self.at_once = rule, length, pays, list(copies), at_once

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t, self.right = 0, True
        return self.show(), {}

    def show(self) -> np.ndarray:
        self.bits = self.np_random.integers(0, 2, self.observation_space.shape).astype(np.float32)
        self.bits[self.copies] = self.bits[0]
        return self.bits

    def step(self, action: Any) -> Any:
        right = bool(self.rule(self.bits)) == bool(action)
        self.right &= right
        self.t += 1
        ended = self.t >= self.length
        reward = self.pays[right]
        if self.at_once:
            reward = self.pays[self.right] if ended else 0.0
        return self.show().copy(), reward, ended, False, {}


@pytest.fixture
def guess() -> Callable[..., Any]:
    """Gives a policy that answers by a rule, and a function that makes its environment, of another rule maybe."""

    def make(rule: Rule, answers: Rule | None = None, **choices: Any) -> tuple[Any, Callable[[], Guessing]]:
        def logits(x: torch.Tensor) -> torch.Tensor:
            answer = (answers or rule)(x).to(x.dtype)
            return torch.stack([1 - answer, answer], dim=1)

        env = Guessing(rule, **choices)
        policy = rltools.TorchPolicy(logits, env.observation_space, env.action_space, name="guess")
        return policy, lambda: Guessing(rule, **choices)

    return make


@pytest.fixture
def bits() -> Callable[..., np.ndarray]:
    """Gives the bits `[step, bit]` that `Guessing` shows in an episode, as its actions do not matter."""

    def episode_bits(env: Callable[[], Guessing], seed: int) -> np.ndarray:
        made = env()
        rows = [made.reset(seed=seed)[0].copy()]
        rows += [made.step(0)[0].copy() for _ in range(made.length - 1)]
        return np.stack(rows)

    return episode_bits


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[a-z0-9]*"))}


@pytest.fixture
def files_in() -> Callable[[Path], dict[str, bytes]]:
    """Gives the content of the files in a folder, but for its lock."""
    return files


@pytest.fixture
def by_hand() -> Callable[..., Ablation]:
    """Gives an ablation whose returns are given by hand.

    `rows` are `(hidden players, number, return)`, with the purpose as a fourth and the part as a fifth if need be.
    """

    def make(players: int, rows: Sequence[tuple[Any, ...]], *, seed: int = 0, faults: Sequence[int] = ()) -> Ablation:
        names = tuple(f"x{player}" for player in range(players))
        hidden = np.zeros((len(rows), players), bool)
        for index, row in enumerate(rows):
            hidden[index, list(row[0])] = True

        def texts(values: Sequence[str]) -> np.ndarray:
            return np.array([*values, None], dtype=object)[:-1]

        rollouts = Rollouts(
            replacement=texts(["resample" if len(row[0]) else "" for row in rows]),
            hidden=hidden,
            number=np.array([row[1] for row in rows], np.int64),
            seed=np.array([row[1] for row in rows], np.int64),
            total_reward=np.array([row[2] for row in rows], np.float64),
            steps=np.ones(len(rows), np.int64),
            ended=texts(["fault" if index in faults else "terminated" for index in range(len(rows))]),
            fault=texts(["broke" if index in faults else "" for index in range(len(rows))]),
            purpose=texts([row[3] if len(row) > 3 else "loss" for row in rows]),
            part=np.array([row[4] if len(row) > 4 else np.nan for row in rows]),
        )
        spec = AblationSpec("resample", "", "variables", names, seed, 1, 1, "hand", "0" * 64, "", "")
        return Ablation(spec, tuple(np.array([player]) for player in range(players)), rollouts)

    return make
