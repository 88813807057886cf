"""Policies whose losses are known, their recordings, and ablations made from numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

import rltools
from rltools.ablation import Ablation, AblationSpec, Rollouts

WEIGHTS = np.array([0.4, 0.0, 0.1, 2.0])
"""What the policy multiplies each feature with, and the environment rewards."""
STD = np.array([2.0, 9.0, 5.0, 1.5])
"""The std of each feature; the feature that varies most is not used."""
NAMES = ("second", "unused", "third", "first")
LENGTH = 10


class Sides(gymnasium.Env[Any, Any]):
    """Independent features; the reward is how far the weighted sum lies on the side that was chosen."""

    observation_space = Box(-100, 100, (4,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        return self.observe(), {}

    def observe(self) -> np.ndarray:
        self.state = (self.np_random.normal(size=4) * STD).astype(np.float32)
        return self.state

    def step(self, action: Any) -> Any:
        reward = float(self.state @ WEIGHTS) * (1 if action else -1)
        self.t += 1
        return self.observe(), reward, self.t >= LENGTH, False, {}


def linear_policy() -> rltools.TorchPolicy:
    """A policy that chooses the side of the weighted sum, so that its attribution is known."""
    net = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.as_tensor(np.stack([-WEIGHTS, WEIGHTS])))
        net[1].weight.copy_(torch.eye(2))
        for layer in net:
            layer.bias.zero_()
    features = rltools.Features((4,), given_names=NAMES)
    return rltools.TorchPolicy(net, Sides.observation_space, Sides.action_space, features=features, name="sides")


@pytest.fixture(scope="session")
def sides() -> rltools.TorchPolicy:
    return linear_policy()


@pytest.fixture(scope="session")
def measured(sides: rltools.TorchPolicy, tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    """A recording of that policy, explained by methods and by controls, with every coalition measured."""
    recording = rltools.record(sides, Sides, episodes=8, directory=tmp_path_factory.mktemp("sides") / "run")
    for method, references in (("gradient", None), ("shapley", 16), ("random", None), ("std", 40)):
        recording = rltools.explain(recording, sides, method=method, references=references)
    rltools.ablate(sides, recording, Sides, seeds=8, most=8, second=None, coalitions=True)
    return recording


def ablation_of(
    returns: Mapping[tuple[int, ...], Any],
    players: int,
    positions: Any = None,
    recording: str = "",
) -> Ablation:
    """An ablation with these returns, one for each seed, by the players that are hidden; `()` is the baseline."""
    rows = [
        (hidden, number, float(value))
        for hidden, values in returns.items()
        for number, value in enumerate(np.atleast_1d(np.asarray(values, dtype=float)))
        if np.isfinite(value)
    ]
    hidden = np.zeros((len(rows), players), bool)
    for row, (members, _, _) in enumerate(rows):
        hidden[row, list(members)] = True
    numbers = np.array([number for _, number, _ in rows], np.int64)
    text = np.array([""] * len(rows), dtype=object)
    rollouts = Rollouts(
        replacement=np.array(["resample" if members else "" for members, _, _ in rows], dtype=object),
        hidden=hidden,
        number=numbers,
        seed=numbers,
        total_reward=np.array([value for _, _, value in rows]),
        steps=np.ones(len(rows), np.int64),
        ended=np.array(["terminated"] * len(rows), dtype=object),
        fault=text,
        purpose=np.array(["loss"] * len(rows), dtype=object),
        part=np.full(len(rows), np.nan),
    )
    names = tuple(f"player {player}" for player in range(players))
    spec = AblationSpec("resample", "", "variables", names, 0, 100, 8, "example", "0" * 64, "", recording)
    positions = positions or tuple(np.array([player]) for player in range(players))
    return Ablation(spec, positions, rollouts)


def additive(losses: Any, seeds: int = 12, noise: float = 1.0, coalitions: bool = False) -> Ablation:
    """An ablation in which every feature costs its loss, whatever else is hidden, but for noise of the seed."""
    rng, losses = np.random.default_rng(0), np.asarray(losses, dtype=float)
    players = len(losses)
    sizes = range(players + 1) if coalitions else (0, 1)
    conditions = [members for size in sizes for members in combinations(range(players), size)]
    returns = {
        members: 100 - losses[list(members)].sum() + noise * rng.normal(size=seeds) * bool(members)
        for members in conditions
    }
    return ablation_of(returns, players)


@pytest.fixture(name="ablation_of", scope="session")
def given_ablation_of() -> Callable[..., Ablation]:
    return ablation_of


@pytest.fixture(name="additive", scope="session")
def given_additive() -> Callable[..., Ablation]:
    return additive


@pytest.fixture(name="Sides", scope="session")
def given_sides() -> type[Sides]:
    return Sides
