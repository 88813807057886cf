"""Train agents with and without a planted signal, and ask every method which of them use it.

`python experiments/null-test/recipe.py` writes `results.csv`: about 12 minutes on two cores. The planted feature is the
gust that moves a boat at the next step. At strength 0 it looks the same and moves nothing, so that an agent can learn
nothing from it; whatever a method says of it there is a false alarm. A second feature, noise, never moves anything.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import math
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import rltools
from rltools.attributions import find_method, method_names

AGENTS = {0.0: 60, 0.1: 24, 0.2: 24, 0.4: 24, 0.8: 24}
"""How many agents are trained at each strength of the signal."""
STEPS = 20_000
EPISODES = 10
LOSS_SEEDS = 64
PLANTED, NOISE = 3, 4
"""Positions of the planted feature and of the noise."""
COLUMNS = ("strength", "agent", "mean_return", "method", "share", "margin", "margin_low", "margin_high")


class Boat(gymnasium.Env[np.ndarray, int]):
    """A boat that is held at 0 against tide and gusts: position, velocity, tide, and the gust of the next step.

    Args:
        strength: correlation of the gust that is observed with the one that moves the boat; both are standard normal.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.observation_space = Box(-10, 10, (4,), np.float32)
        self.action_space = Discrete(5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """A new episode, from near 0."""
        super().reset(seed=seed)
        self.position, self.velocity, self.steps = 0.5 * self.np_random.normal(), 0.0, 0
        self.tide, self.gust = self.np_random.normal(size=2)
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Thrust by one of five actions, from -0.5 to 0.5; a reward of 1 at 0, and down to -1 far away."""
        other, tide, gust = self.np_random.normal(size=3)
        push = self.strength * self.gust + math.sqrt(1 - self.strength**2) * other
        self.velocity = 0.6 * self.velocity + 0.25 * (action - 2) + 0.2 * push + 0.1 * self.tide
        self.position += 0.5 * self.velocity
        self.tide, self.gust = 0.9 * self.tide + math.sqrt(1 - 0.9**2) * tide, gust
        self.steps += 1
        return self._observation(), 1 - min(abs(self.position), 2.0), False, self.steps >= 50, {}

    def _observation(self) -> np.ndarray:
        observation = np.array([self.position, self.velocity, self.tide, self.gust], np.float32)
        return np.clip(observation, -10, 10)


def make(strength: float) -> gymnasium.Env[Any, Any]:
    """The environment with the noise at the end of its observation."""
    return rltools.PlantFeatures(Boat(strength), noise=1)


def train(strength: float, agent: int) -> PPO:
    """An agent, the same on every run on one machine."""
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([partial(make, strength)] * 16),
        n_steps=64,
        batch_size=256,
        n_epochs=8,
        gamma=0.9,
        gae_lambda=0.9,
        learning_rate=2e-3,
        policy_kwargs={"net_arch": [32, 32]},
        seed=agent,
        device="cpu",
    )
    return model.learn(STEPS)


def rows(strength: float, agent: int, models: Path) -> list[dict[str, Any]]:
    """What every method says of an agent, which is trained unless it is in the folder; a row for each method."""
    torch.set_num_threads(1)
    path = models / f"{strength}-{agent}.zip"
    if not path.is_file():
        train(strength, agent).save(path)
    policy = rltools.load_policy(path, partial(make, strength))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = rltools.record(
            policy, partial(make, strength), episodes=EPISODES, seed=1000 * agent, directory=Path(folder) / "run"
        )
        common = {
            "strength": strength,
            "agent": agent,
            "mean_return": np.mean([outcome.total_reward for outcome in recording.outcomes()]),
        }
        lines = [{**common, **line} for line in attributed(recording, policy, agent)]
        return lines + [{**common, **line} for line in measured(recording, policy, strength, agent)]


def attributed(recording: rltools.Recording, policy: rltools.Policy, seed: int) -> Iterator[dict[str, Any]]:
    """The share of the planted feature by each method, and by how much it exceeds that of the noise."""
    for method in method_names():
        if find_method(method).needs & {"image", "convolution"}:
            continue
        recording = rltools.explain(recording, policy, method=method, seed=seed)
        statistics = rltools.summarize(recording, method=method).overall
        margin = statistics.drawn_importance.minus(NOISE).interval(0.95)
        yield {
            "method": method,
            "share": statistics.importance.value[PLANTED],
            "margin": margin.value[PLANTED],
            "margin_low": margin.low[PLANTED],
            "margin_high": margin.high[PLANTED],
        }


def measured(
    recording: rltools.Recording, policy: rltools.Policy, strength: float, seed: int
) -> Iterator[dict[str, Any]]:
    """The return that is lost without the planted feature; its share among losses above 0."""
    ablation = rltools.ablate(
        policy,
        recording,
        partial(make, strength),
        replace="resample",
        second=None,
        seeds=LOSS_SEEDS,
        most=LOSS_SEEDS,
        groups="features",
        seed=1000 * seed,
    )
    interval = ablation.losses().interval
    gains = np.maximum(interval.value, 0)
    yield {
        "method": "measured loss",
        "share": gains[PLANTED] / gains.sum() if gains.any() else 0.0,
        "margin": interval.value[PLANTED],
        "margin_low": interval.low[PLANTED],
        "margin_high": interval.high[PLANTED],
    }


def main() -> None:
    """Write the table of all agents and methods."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained agents, to explain them again")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    here = Path(__file__)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(arguments.workers) as pool:
        models = arguments.models or Path(folder)
        models.mkdir(parents=True, exist_ok=True)
        cases = [(strength, agent) for strength, count in AGENTS.items() for agent in range(count)]
        numbered = pool.map(rows, *zip(*cases, strict=True), itertools.repeat(models))
        with (here.parent / "results.csv").open("w", newline="", encoding="utf-8") as file:
            file.write(f"# made by recipe.py, sha256 {hashlib.sha256(here.read_bytes()).hexdigest()}\n")
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for line in itertools.chain.from_iterable(numbered):
                writer.writerow(
                    {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in line.items()}
                )
                file.flush()


if __name__ == "__main__":
    main()
