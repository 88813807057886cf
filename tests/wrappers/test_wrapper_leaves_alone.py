import copy
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from rltools import AttributionWrapper


def _played(env, steps=40):
    """Everything a caller can see of an environment, as plain values."""
    env.action_space.seed(3)
    results = [env.reset(seed=7)]
    for _ in range(steps):
        step = env.step(env.action_space.sample())
        results.append(step)
        if step[2] or step[3]:
            results.append(env.reset())
    return results, env.unwrapped.np_random.bit_generator.state, env.action_space.np_random.bit_generator.state


def test_trajectories_and_random_streams_are_those_of_the_environment(policy):
    plain, stream, sampling = _played(gymnasium.make("CartPole-v1"))
    wrapped, its_stream, its_sampling = _played(AttributionWrapper(gymnasium.make("CartPole-v1"), policy))
    assert (stream, sampling) == (its_stream, its_sampling)
    assert len(plain) == len(wrapped) > 41
    for expected, actual in zip(plain, wrapped, strict=True):
        np.testing.assert_array_equal(expected[0], actual[0])
        assert expected[0].dtype == actual[0].dtype
        assert expected[1:-1] == actual[1:-1]
        added = {"attribution", "score"} if len(expected) == 5 else set()
        assert actual[-1].keys() == expected[-1].keys() | added


def test_construction_draws_nothing(cartpole, policy):
    cartpole.reset(seed=1)
    before = copy.deepcopy((cartpole.np_random.bit_generator.state, torch.get_rng_state()))
    AttributionWrapper(cartpole, policy)
    assert cartpole.np_random.bit_generator.state == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def _warnings(env):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    return [text for warning in caught if "different from the unwrapped" not in (text := str(warning.message))]


def test_check_env_finds_no_more_than_in_the_environment_itself(policy):
    plain = gymnasium.make("CartPole-v1").unwrapped
    assert _warnings(AttributionWrapper(gymnasium.make("CartPole-v1").unwrapped, policy)) == _warnings(plain)


@pytest.mark.parametrize("reuse", [False, True])
def test_keeps_a_copy_of_each_observation(counting, squares, explained_state, reuse):
    env = AttributionWrapper(counting(reuse=reuse), squares, target="logit:all")
    expected = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    actual = []
    for _ in range(2):
        observation, _ = env.reset()
        terminated = False
        while not terminated:
            if not reuse:
                observation[:] = 77  # what the caller does with it is none of ours
            observation, _, terminated, _, info = env.step(1)
            actual.append(tuple(explained_state(info["attribution"])))
    assert actual == expected


def test_the_environments_info_is_not_written_into(counting, squares):
    inner = counting()
    env = AttributionWrapper(inner, squares)
    env.reset()
    for _ in range(2):
        *_, info = env.step(0)
    assert inner.info == {"own": 1}
    assert info.keys() == {"own", "attribution", "score"}


def test_the_specification_is_that_of_the_environment_and_copies_no_policy(cartpole, policy):
    env = AttributionWrapper(cartpole, policy)
    assert env.spec == cartpole.spec
    above = gymnasium.wrappers.TimeAwareObservation(env)
    assert [wrapper.name for wrapper in above.spec.additional_wrappers] == ["TimeAwareObservation"]
    assert gymnasium.make(env.spec).spec.id == "CartPole-v1"


def test_parameters_keep_their_gradients_and_modules_their_mode(cartpole, policy, net):
    net.train()
    env = AttributionWrapper(cartpole, policy)
    env.reset(seed=0)
    env.step_policy()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(module.training for module in net.modules())
