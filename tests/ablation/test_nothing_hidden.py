"""With nothing hidden, episodes are bit for bit those of a bare loop around `policy.act`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

import rltools
from rltools.ablation._players import find_players
from rltools.ablation._rollouts import Task
from rltools.ablation._run import Setting, run_tasks, seed_of
from rltools.ablation.replacements import Visited
from rltools.envs import make_environment
from rltools.policies.base import Context
from rltools.rollout.act import allowed_actions
from rltools.spaces.leaves import leaves, map_leaves

ROWS = 16
"""The network gets blocks of 16 rows."""


def bare(policy: Any, environment: Any, seed: int, max_steps: int) -> tuple[float, int]:
    """The return and the steps of an episode, from copies of its observation in every row of a block."""
    env = make_environment(environment)
    observation, info = env.reset(seed=seed)
    total, steps, ended, state = 0.0, 0, False, None
    if policy.state_size:
        state = torch.zeros(ROWS, policy.state_size, dtype=policy.dtype)
    while not ended and steps < max_steps:
        mask = None
        if policy.masked:
            mask = torch.tensor(np.tile(allowed_actions(env, info, policy), (ROWS, 1)))
        repeated = map_leaves(
            lambda _, value: np.stack([np.asarray(value)] * ROWS), observation, leaves(policy.observation_space)
        )
        acted = policy.act(repeated, Context(mask=mask, state=state))
        state = acted.state
        observation, reward, terminated, truncated, info = env.step(acted.actions[0])
        total, steps, ended = total + float(reward), steps + 1, terminated or truncated
    env.close()
    return total, steps


def episodes(policy: Any, environment: Any, count: int, max_steps: int, num_envs: int = 64) -> list[tuple[float, int]]:
    players = find_players(policy.features, "variables")
    visited = Visited(np.zeros((1, players.size), np.float32))
    setting = Setting(policy, environment, players, visited, 0, max_steps, num_envs)
    tasks = [Task("", (), number) for number in range(count)]
    rows = run_tasks(setting, tasks, "loss", np.nan, lambda ended: None, 1)
    assert not rows.fault.any()
    return list(zip(rows.total_reward.tolist(), rows.steps.tolist(), strict=True))


def check(policy: Any, environment: Any, max_steps: int = 60, count: int = 2) -> None:
    expected = [bare(policy, environment, seed_of(0, number), max_steps) for number in range(count)]
    assert episodes(policy, environment, count, max_steps) == expected


@pytest.mark.parametrize(
    "name",
    [
        "cartpole-ppo",
        "cartpole-recurrent-ppo",
        "taxi-masked-ppo",
        "minigrid-dict-ppo",
        "lavagap-cnn-ppo",
        "lunarlander-dqn",
    ],
)
def test_reference_agents(name: str) -> None:
    if name.startswith(("minigrid", "lavagap")):
        pytest.importorskip("minigrid")
    policy = rltools.load_policy(name)
    check(policy, rltools.envs.spec_from_json(policy.source.environment), max_steps=80)


@pytest.mark.parametrize("name", ["pendulum-sac", "hopper-ppo"])
def test_agents_that_explore_act_by_their_means(name: str) -> None:
    if name == "hopper-ppo":
        pytest.importorskip("mujoco")
    policy = rltools.load_policy(name)
    check(policy, rltools.envs.spec_from_json(policy.source.environment), max_steps=40)


class Sampled(gymnasium.Env[Any, Any]):
    """Draws every observation from its space, and pays for an action by its sum and the step."""

    def __init__(self, observed: Any, acted: Any, length: int = 9) -> None:
        self.observation_space, self.action_space, self.length = copy.deepcopy(observed), acted, length

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        reward = float(self.t * np.sum(action))
        return self.observation_space.sample(), reward, self.t >= self.length, False, {}


def mixing(outputs: int, dtype: torch.dtype) -> Callable[[Any], torch.Tensor]:
    """A function of all numbers of an observation, of which no two actions score alike."""

    def score(x: Any) -> torch.Tensor:
        parts = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, tuple) else [x]
        flat = torch.cat([part.reshape(len(part), -1).to(dtype) for part in parts], dim=1)
        weights = torch.sin(torch.arange(1, flat.shape[1] * outputs + 1, dtype=dtype)).reshape(flat.shape[1], outputs)
        return torch.tanh(flat / 10) @ weights

    return score


VECTOR = Box(-3, 3, (4,), np.float32)
OBSERVED = {
    "vector": VECTOR,
    "choices": MultiDiscrete([3, 2, 4]),
    "bits": MultiBinary(5),
    "choice": Discrete(5, start=2),
    "tuple": spaces.Tuple((VECTOR, Discrete(3))),
    "dict": spaces.Dict({"a": VECTOR, "b": MultiDiscrete([2, 2]), "c": MultiBinary(2)}),
    "text": spaces.Dict({"a": VECTOR, "mission": spaces.Text(8)}),
    "stacked": Box(-3, 3, (3, 4), np.float32),
}


@pytest.mark.parametrize("observed", OBSERVED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_space(observed: str, dtype: torch.dtype) -> None:
    policy = rltools.TorchPolicy(mixing(3, dtype), OBSERVED[observed], Discrete(3), dtype=dtype)
    check(policy, lambda: Sampled(OBSERVED[observed], Discrete(3)), count=3)


@pytest.mark.parametrize(
    ("acted", "outputs"), [(MultiDiscrete([3, 2]), 5), (MultiBinary(3), 6), (Box(-1, 1, (2,), np.float32), 2)]
)
def test_every_kind_of_action(acted: Any, outputs: int) -> None:
    policy = rltools.TorchPolicy(mixing(outputs, torch.float32), VECTOR, acted)
    check(policy, lambda: Sampled(VECTOR, acted), count=3)


def test_a_network_on_a_device() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).to(torch.device("cpu"))
    policy = rltools.TorchPolicy(net, VECTOR, Discrete(3))
    check(policy, lambda: Sampled(VECTOR, Discrete(3)), count=3)


def test_every_space_is_ablated() -> None:
    from rltools.ablation import ablate

    for name, observed in OBSERVED.items():
        policy = rltools.TorchPolicy(mixing(3, torch.float64), observed, Discrete(3), dtype=torch.float64, name=name)
        ablation = ablate(policy, env=lambda observed=observed: Sampled(observed, Discrete(3)), seeds=2, most=2)
        assert not ablation.faults
        assert len(ablation.rollouts) >= 2 * (2 * len(ablation.players) + 1)
        positions = np.sort(np.concatenate(ablation.positions))
        np.testing.assert_array_equal(positions, np.arange(policy.features.size))


def test_all_lags_of_a_feature_are_one_player() -> None:
    policy = rltools.load_policy("cartpole-ppo")
    stacked = gymnasium.wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 3)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    remembering = rltools.load_policy(net, stacked)
    players = find_players(remembering.features, "variables")
    assert players.names == policy.features.names
    assert [positions.tolist() for positions in players.positions] == [[k, 4 + k, 8 + k] for k in range(4)]
    assert len(find_players(remembering.features, "features").names) == 12
