"""One agent of several as an environment: in parallel and in turns, with real environments of PettingZoo."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.utils.env_checker import check_env
from pettingzoo import ParallelEnv, make
from pettingzoo.utils import parallel_to_aec

import rltools
from rltools.errors import ArgumentError, MismatchError, SimulationError


class Race(ParallelEnv[str, Any, Any]):
    """Agents walk along a line; who is hit by a stone leaves, and the others go on for eight steps.

    An agent observes its position, the mean of all, and the time; action 1 is a step forward, which it is paid for.
    """

    metadata = {"name": "race_v0", "render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012

    def __init__(
        self, dying: dict[str, int] | None = None, late: tuple[str, ...] = (), render_mode: Any = None
    ) -> None:
        self.possible_agents = ["a", "b", "c"]
        self.dying, self.late, self.render_mode = dying or {}, late, render_mode
        self.taken: list[dict[str, Any]] = []

    @functools.cache  # noqa: B019
    def observation_space(self, agent: str) -> Any:
        return Box(-100, 100, (3,))

    @functools.cache  # noqa: B019
    def action_space(self, agent: str) -> Any:
        return Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents = [name for name in self.possible_agents if name not in self.late]
        self.t = 0
        self.positions = dict.fromkeys(self.agents, 0.0)
        self.rng = np.random.default_rng(seed)
        return self._observations(), {name: {"name": name} for name in self.agents}

    def _observations(self) -> dict[str, np.ndarray]:
        mean = np.mean(list(self.positions.values()))
        return {name: np.array([self.positions[name], mean, self.t], np.float32) for name in self.agents}

    def step(self, actions: dict[str, Any]) -> Any:
        assert set(actions) == set(self.agents)
        self.taken.append(dict(actions))
        self.t += 1
        for name, action in actions.items():
            assert self.action_space(name).contains(action)
            self.positions[name] += float(action) + 0.1 * self.rng.random()
        present, over = list(self.agents), self.t >= 8
        dead = {name for name in present if self.dying.get(name) == self.t}
        observations = self._observations()
        self.agents = [] if over else [name for name in present if name not in dead]
        return (
            observations,
            {name: float(actions[name]) for name in present},
            {name: name in dead for name in present},
            dict.fromkeys(present, over),
            {name: {"name": name} for name in present},
        )

    def render(self) -> np.ndarray:
        return np.full((8, 8, 3), self.t, np.uint8)


def forward(observation: np.ndarray) -> int:
    return 1


def ahead(observations: np.ndarray) -> np.ndarray:
    return observations[:, 0] <= observations[:, 1] + 0.5


def test_it_is_an_environment_of_gymnasium() -> None:
    for several in (Race, lambda: parallel_to_aec(Race())):
        env = rltools.OneAgent(several, "b", others=forward)()
        check_env(env, skip_render_check=True)
        env.close()


def test_others_act_and_die_and_the_agent_goes_on() -> None:
    env: Any = rltools.OneAgent(lambda: Race({"a": 2, "c": 4}), "b", others={"a": forward, "c": lambda x: 0})()
    _, info = env.reset(seed=1)
    assert info == {"name": "b"}
    rewards, ends = [], []
    for _ in range(8):
        _, reward, terminated, truncated, info = env.step(1)
        rewards.append(reward)
        ends.append((terminated, truncated))
    assert rewards == [1.0] * 8
    assert ends == [(False, False)] * 7 + [(False, True)]
    taken = env.multi.taken
    assert [sorted(actions) for actions in taken] == [["a", "b", "c"]] * 2 + [["b", "c"]] * 2 + [["b"]] * 4
    assert {actions["a"] for actions in taken[:2]} == {1}
    assert {actions["c"] for actions in taken[:4]} == {0}


def test_the_episode_ends_with_the_agent() -> None:
    env = rltools.OneAgent(lambda: Race({"b": 3}), "b")()
    env.reset(seed=0)
    assert [env.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (True, False)]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param("random", id="random"),
        pytest.param(forward, id="function"),
        pytest.param("policy", id="policy"),
        pytest.param("recurrent", id="recurrent policy"),
        pytest.param("sb3", id="model"),
    ],
)
def test_episodes_are_the_same_whatever_runs_beside_them(others: Any) -> None:
    if others == "policy":
        others = rltools.FunctionPolicy(ahead, rltools.OneAgent(Race, "a"))
    elif others == "recurrent":
        others = _counting()
    elif others == "sb3":
        from stable_baselines3 import PPO

        others = PPO("MlpPolicy", rltools.OneAgent(Race, "a")(), device="cpu", seed=0, policy_kwargs={"net_arch": [4]})
    env = rltools.OneAgent(Race, "b", others)
    policy = rltools.FunctionPolicy(ahead, cloudpickle.loads(cloudpickle.dumps(env)))
    recordings = [rltools.record(policy, env, episodes=4, num_envs=num_envs) for num_envs in (1, 3)]
    with ThreadPoolExecutor(2) as executor:
        recordings.append(rltools.record(policy, env, episodes=4, workers=executor))
    for number in range(4):
        for name in ("observations", "actions", "rewards"):
            assert len({getattr(recording.episode(number), name).tobytes() for recording in recordings}) == 1
    starts = [recordings[0].episode(number).observations[1].tobytes() for number in range(4)]
    assert len(set(starts)) == 4


def _counting() -> Any:
    """A recurrent policy that steps forward in every other step."""
    memory = rltools.policies.base.RecurrentState(
        1,
        lambda name, x, state: state,
        lambda x, state: (state, 1 - state),
    )
    return rltools.TorchPolicy(
        lambda state: torch.cat([state * 0 + 0.5, state], 1),
        *(Box(-100, 100, (3,)), Discrete(2)),
        memory=memory,
        name="counting",
    )


def test_a_recurrent_policy_remembers_and_begins_anew() -> None:
    env: Any = rltools.OneAgent(Race, "b", {"a": _counting(), "c": _counting()})()
    for _ in range(2):
        env.reset(seed=0)
        env.multi.taken.clear()
        for _ in range(5):
            env.step(0)
        assert [int(actions["a"]) for actions in env.multi.taken] == [0, 1, 0, 1, 0]


def test_it_is_explained_and_ablated_and_drawn() -> None:
    env = rltools.OneAgent(lambda: Race(render_mode="rgb_array"), "b", forward)
    policy = rltools.FunctionPolicy(ahead, env, names=["position", "mean position", "time"])
    recording = rltools.record(policy, env, episodes=3, frames=[0])
    assert (recording.directory / "frames" / "000000.parquet").is_file()
    explained = rltools.explain(recording, policy, method="shapley", references=8)
    values = explained.attribution().values
    assert np.abs(values[..., 2]).max() == 0
    assert np.abs(values[..., :2]).max() > 0
    ablation = rltools.ablate(policy, recording, env, seeds=4, most=4, second=None)
    losses = dict(zip(ablation.spec.players, ablation.losses().interval.value.tolist(), strict=True))
    assert losses["time"] == 0


def test_a_walker_of_pettingzoo() -> None:
    env = rltools.OneAgent(lambda: make("parallel", "sisl/multiwalker-v9", n_walkers=2), "walker_1")
    policy = rltools.FunctionPolicy(lambda x: np.clip(-x[:, [4, 6, 9, 11]], -1, 1), env)
    first, second = (rltools.record(policy, env, episodes=2, num_envs=n, max_steps=10) for n in (1, 2))
    assert first.episode(1).observations.tobytes() == second.episode(1).observations.tobytes()
    assert first.episode(1).observations.shape == (10, 31)


def test_turns_of_games() -> None:
    paper = rltools.OneAgent(lambda: make("aec", "classic/rps-v2"), "player_1", others=lambda observation: 0)()
    paper.reset(seed=0)
    assert paper.step(1)[1] == 1.0  # paper beats rock

    env: Any = rltools.OneAgent(lambda: make("aec", "classic/tictactoe-v3"), "player_2", others="random")()
    assert env.observation_space.shape == (3, 3, 2)
    observation, info = env.reset(seed=0)
    assert observation[..., 1].sum() == 1  # the first player has moved
    steps = 0
    while True:
        assert info["action_mask"].sum() == 9 - observation.sum()
        action = int(np.flatnonzero(info["action_mask"])[0])
        observation, reward, terminated, truncated, info = env.step(action)
        steps += 1
        if terminated or truncated:
            break
    assert steps <= 4
    assert reward in (-1.0, 0.0, 1.0)


def test_turns_and_parallel_steps_are_the_same_race() -> None:
    in_turns = rltools.OneAgent(lambda: parallel_to_aec(Race({"c": 3})), "a", forward)()
    parallel = rltools.OneAgent(lambda: Race({"c": 3}), "a", forward)()
    assert np.array_equal(in_turns.reset(seed=4)[0], parallel.reset(seed=4)[0])
    for step in range(8):
        turn, expected = in_turns.step(step % 2), parallel.step(step % 2)
        assert np.array_equal(turn[0], expected[0])
        assert turn[1:4] == expected[1:4]


@pytest.mark.parametrize(
    ("one_agent", "message"),
    [
        (lambda: rltools.OneAgent(Race(), "a"), "is a single one; give a function that makes it"),
        (lambda: rltools.OneAgent(Race, "d"), "there is no agent 'd'; there are 'a', 'b', 'c'"),
        (lambda: rltools.OneAgent(Race, "a", {"b": forward}), "others lacks 'c', and the other agents are 'b', 'c'"),
        (lambda: rltools.OneAgent(Race, "a", {"b": 0, "c": 0, "x": 0}), "others has 'x'"),
        (lambda: rltools.OneAgent(Race, "a", 3), "b cannot act by 3; give 'random', a policy of rltools.load_policy"),
        (lambda: rltools.OneAgent(Race, "a", "model.zip"), "b cannot act by 'model.zip'"),
        (lambda: rltools.OneAgent(Race, "a", torch.nn.Linear(3, 2)), "b cannot act by Linear"),
        (lambda: rltools.OneAgent(lambda: gymnasium.make("CartPole-v1"), "a"), "which has no possible_agents"),
        (lambda: rltools.OneAgent(lambda: 3, "a"), "the function made a int, which has no possible_agents and no"),
    ],
)
def test_errors_say_what_to_give(one_agent: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        one_agent()()


def test_the_policy_of_another_agent_must_fit() -> None:
    with pytest.raises(
        MismatchError, match=r"cartpole-ppo, which plays b, observes shape \[4\] and b gives shape \[3\]"
    ):
        rltools.OneAgent(Race, "a", rltools.load_policy("cartpole-ppo"))()


def test_an_agent_that_is_not_there_at_the_start() -> None:
    with pytest.raises(SimulationError, match=r"'a' is not among the agents at the start \('b', 'c'\)"):
        rltools.OneAgent(lambda: Race(late=("a",)), "a")().reset(seed=0)


def test_an_environment_of_several_agents_is_no_environment() -> None:
    for env in (Race(), Race):
        with pytest.raises((ArgumentError, SimulationError), match=r"rltools\.OneAgent\(make, agent, others\)"):
            rltools.record(rltools.load_policy("cartpole-ppo"), env, episodes=1)  # type: ignore[arg-type]
