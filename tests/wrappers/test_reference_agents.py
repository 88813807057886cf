"""The wrappers on agents that need more than an observation: what is allowed, what is remembered, how far to stray."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

import rltools
from rltools.envs import spec_from_json


def environment(policy: rltools.Policy) -> gymnasium.Env[Any, Any]:
    assert policy.source.environment is not None
    return gymnasium.make(spec_from_json(policy.source.environment))


def recorded(policy: rltools.Policy, episodes: int, steps: int) -> tuple[rltools.Recording, np.ndarray]:
    recording = rltools.record(policy, episodes=episodes, max_steps=steps)
    return recording, rltools.explain(recording, policy, method="gradient").attribution().values[:, 0]


@pytest.mark.parametrize("name", ["taxi-masked-ppo", "cartpole-recurrent-ppo", "minigrid-dict-ppo"])
def test_live_attributions_are_those_of_a_recording(name: str) -> None:
    policy = rltools.load_policy(name)
    recording, values = recorded(policy, 1, 5)
    env = rltools.AttributionWrapper(environment(policy), policy)
    for _ in range(2):  # a second episode begins as the first one did
        env.reset(seed=0)
        for t, expected in enumerate(values[:3]):
            *_, info = env.step_policy()
            assert info["action"] == recording.episode(0).actions[t]
            np.testing.assert_allclose(info["attribution"], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["taxi-masked-ppo", "cartpole-recurrent-ppo"])
def test_and_so_are_those_of_several_at_once(name: str) -> None:
    policy = rltools.load_policy(name)
    recording, values = recorded(policy, 3, 4)
    spec = spec_from_json(policy.source.environment or "")
    several = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make(spec)] * 3)
    envs = rltools.VectorAttributionWrapper(several, policy)
    envs.reset(seed=[outcome.seed for outcome in recording.outcomes()])
    for t in range(4):
        *_, info = envs.step_policy()
        expected = [values[4 * row + t] for row in range(3)]
        np.testing.assert_allclose(info["attribution"], expected, rtol=1e-3, atol=1e-5)
        assert info["action"].tolist() == [recording.episode(row).actions[t] for row in range(3)]


def test_random_actions_of_an_actor_whose_deviation_depends_on_the_state() -> None:
    policy = rltools.load_policy("pendulum-sac")
    env = rltools.AttributionWrapper(environment(policy), policy)
    drawn = []
    for _ in range(2):
        env.reset(seed=0)
        rng = np.random.default_rng(3)
        drawn.append([env.step_policy(deterministic=False, rng=rng)[4] for _ in range(3)])
    actions = np.array([[info["action"] for info in run] for run in drawn])
    np.testing.assert_array_equal(actions[0], actions[1])
    assert len({float(action) for action in actions[0].ravel()}) == 3
    assert np.isfinite([info["attribution"] for info in drawn[0]]).all()
