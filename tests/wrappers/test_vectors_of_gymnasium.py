from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import rltools
from rltools import VectorAttributionWrapper

NEXT, SAME = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP


def _vectors(kind):
    short = partial(gymnasium.make, "CartPole-v1", max_episode_steps=3)
    if kind == "numpy":
        return gymnasium.make_vec("CartPole-v1", num_envs=2, max_episode_steps=3)
    if kind == "sync":
        return SyncVectorEnv([short, short], copy=False)
    mode = {"async": NEXT, "async same": SAME}[kind]
    return AsyncVectorEnv([short, short], copy=False, context="spawn", autoreset_mode=mode)


@pytest.mark.parametrize("kind", ["numpy", "sync", "async", "async same"])
def test_vector_environments_of_gymnasium(policy, kind):
    plain, wrapped = _vectors(kind), VectorAttributionWrapper(_vectors(kind), policy)
    try:
        observations = np.array(wrapped.reset(seed=5)[0])
        np.testing.assert_array_equal(plain.reset(seed=5)[0], observations)
        ended = np.zeros(2, bool)
        for step in range(9):
            actions = np.array([step % 2, (step // 2) % 2])
            *expected, _ = plain.step(actions)
            *actual, info = wrapped.step(actions)
            for part, other in zip(expected, actual, strict=True):
                np.testing.assert_array_equal(part, other)
            assert info["_attribution"].tolist() == (~ended).tolist()
            _check_rows(policy, observations, actions, ended, info)
            observations = np.array(actual[0])
            ended = (actual[2] | actual[3]) & (kind != "async same")
        assert step > 6
    finally:
        plain.close()
        wrapped.close()


def _check_rows(policy, observations, actions, ended, info):
    """Against each environment explained by itself."""
    assert info["attribution"].shape == (2, 4)
    assert info["score"].shape == (2,)
    for row in np.flatnonzero(~ended):
        single = rltools.attribute(policy, observations[row], target=f"centered:{actions[row]}")
        np.testing.assert_allclose(info["attribution"][row], single.values[0, 0], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(info["score"][row], single.scores[0, 0], rtol=1e-4, atol=1e-6)
