from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from torch import nn

from rltools import AttributionWrapper, TorchPolicy, VectorAttributionWrapper
from rltools.errors import ArgumentError, FaultError, MismatchError, SimulationError

NEXT, SAME, DISABLED = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED
ONLY_A_RESET = None

# The states (episode, t) that actions are taken in, of environments with episodes of 2 and of 3 steps.
WITH_A_STEP_FOR_EACH_RESET = [
    [(1, 0), (1, 1), ONLY_A_RESET, (2, 0), (2, 1), ONLY_A_RESET, (3, 0), (3, 1)],
    [(1, 0), (1, 1), (1, 2), ONLY_A_RESET, (2, 0), (2, 1), (2, 2), ONLY_A_RESET],
]
WITHOUT = [
    [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1)],
    [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1)],
]


@pytest.fixture
def envs(counting):
    def make(mode, copy=True):
        lengths = [partial(counting, 2, reuse=True), partial(counting, 3, reuse=True)]
        return SyncVectorEnv(lengths, copy=copy, autoreset_mode=mode)

    return make


def _states(info, explained_state):
    """The explained state in each environment; None where nothing was explained, which must be NaN throughout."""
    results = []
    for values, scores, is_explained in zip(info["attribution"], info["score"], info["_attribution"], strict=True):
        assert is_explained or (np.isnan(values).all() and np.isnan(scores).all())
        results.append(tuple(explained_state(values)) if is_explained else ONLY_A_RESET)
        assert not is_explained or tuple(np.sqrt(scores)) == results[-1]
    np.testing.assert_array_equal(info["_attribution"], info["_score"])
    return results


@pytest.mark.parametrize("by_policy", [False, True])
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize(
    ("mode", "expected"), [(NEXT, WITH_A_STEP_FOR_EACH_RESET), (SAME, WITHOUT), (DISABLED, WITHOUT)]
)
def test_no_action_is_explained_by_another_episode(envs, squares, explained_state, mode, expected, copy, by_policy):
    wrapped = VectorAttributionWrapper(envs(mode, copy), squares, target="logit:all")
    wrapped.reset()
    results = []
    for _ in range(8):
        step = wrapped.step_policy() if by_policy else wrapped.step(np.array([1, 0]))
        results.append(_states(step[4], explained_state))
        ended = step[2] | step[3]
        if mode is DISABLED and ended.any():
            wrapped.reset(options={"reset_mask": ended})
    assert [list(states) for states in zip(*results, strict=True)] == expected


@pytest.mark.parametrize("mode", [NEXT, SAME, DISABLED])
def test_a_reset_of_all_forgets_who_had_ended(envs, squares, explained_state, mode):
    wrapped = VectorAttributionWrapper(envs(mode), squares, target="logit:all")
    wrapped.reset()
    for _ in range(2):
        wrapped.step(np.zeros(2, int))
    wrapped.reset()
    *_, info = wrapped.step(np.zeros(2, int))
    again = 3 if mode is SAME else 2  # the first environment had begun its second episode by itself
    assert _states(info, explained_state) == [(again, 0), (2, 0)]


def test_a_reset_of_some_where_environments_reset_themselves(envs, squares, explained_state):
    wrapped = VectorAttributionWrapper(envs(NEXT), squares, target="logit:all")
    wrapped.reset()
    for _ in range(2):
        wrapped.step(np.zeros(2, int))
    wrapped.reset(options={"reset_mask": np.array([True, False])})
    *_, info = wrapped.step(np.zeros(2, int))
    assert _states(info, explained_state) == [(2, 0), (1, 2)]


class Careless(VectorEnv):
    """Gives nothing useful for environments that it was not asked to reset."""

    def __init__(self, envs):
        self.metadata = {"autoreset_mode": DISABLED}
        self.inner, self.num_envs = envs, envs.num_envs
        self.single_observation_space, self.single_action_space = (
            envs.single_observation_space,
            envs.single_action_space,
        )

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, bool))
        observations, info = self.inner.reset(seed=seed, options=options)
        observations[~mask] = -1
        return observations, info

    def step(self, actions):
        return self.inner.step(actions)


def test_only_environments_that_were_reset_have_a_new_observation(envs, squares, explained_state):
    wrapped = VectorAttributionWrapper(Careless(envs(DISABLED)), squares, target="logit:all")
    wrapped.reset()
    for _ in range(2):
        wrapped.step(np.zeros(2, int))
    wrapped.reset(options={"reset_mask": np.array([True, False])})
    *_, info = wrapped.step(np.zeros(2, int))
    assert _states(info, explained_state) == [(2, 0), (1, 2)]


def test_actions_of_steps_that_are_only_a_reset_are_not_looked_at(envs, squares):
    wrapped = VectorAttributionWrapper(envs(NEXT), squares)
    wrapped.reset()
    for actions in ([0, 0], [0, 0], [-9, 1]):
        *_, info = wrapped.step(np.array(actions))
    assert info["_attribution"].tolist() == [False, True]


def test_steps_that_are_only_a_reset_draw_nothing(envs, squares):
    wrapped = VectorAttributionWrapper(envs(NEXT), squares)
    wrapped.reset()
    rngs, steps = [np.random.default_rng(row) for row in range(2)], 8
    for _ in range(steps):
        *_, info = wrapped.step_policy(deterministic=False, rngs=rngs)
        np.testing.assert_array_equal(info["_action"], info["_attribution"])
    for row, states in enumerate(WITH_A_STEP_FOR_EACH_RESET):
        expected = np.random.default_rng(row)
        expected.random(sum(state is not ONLY_A_RESET for state in states))
        assert rngs[row].bit_generator.state == expected.bit_generator.state
    with pytest.raises(ArgumentError, match="each of the 2 environments, not none"):
        wrapped.step_policy(deterministic=False)
    with pytest.raises(ArgumentError, match="each of the 2 environments, not 1"):
        wrapped.step_policy(deterministic=False, rngs=rngs[:1])


def test_when_all_only_reset_nothing_is_explained(counting, squares):
    alone = SyncVectorEnv([partial(counting, 1)])
    wrapped = VectorAttributionWrapper(alone, squares, "shapley", references=np.zeros(2, np.float32))
    wrapped.reset()
    steps = ((wrapped.step_policy, True), (wrapped.step_policy, False), (lambda: wrapped.step([0]), True))
    for step, is_explained in steps:
        *_, info = step()
        assert info["_attribution"].tolist() == [is_explained]
        assert np.isfinite(info["attribution"]).all() == is_explained


def test_action_and_gradient_share_one_forward(net, policy):
    wrapped = VectorAttributionWrapper(gymnasium.make_vec("CartPole-v1", num_envs=3), policy)
    wrapped.reset(seed=0)
    net.calls = 0
    *_, info = wrapped.step_policy()
    assert net.calls == 1
    assert info["action"].shape == (3,)
    wrapped.close()


def test_continuous_actions():
    envs = gymnasium.make_vec("Pendulum-v1", num_envs=3, vectorization_mode="sync")
    policy = TorchPolicy(nn.Linear(3, 1), envs.single_observation_space, envs.single_action_space)
    wrapped = VectorAttributionWrapper(envs, policy)
    wrapped.reset(seed=0)
    *_, info = wrapped.step_policy()
    assert info["action"].shape == (3, 1)
    assert info["attribution"].shape == (3, 3)
    assert wrapped.features is policy.features
    wrapped.close()


@pytest.mark.parametrize(("metadata", "value"), [({}, "nothing"), ({"autoreset_mode": "NextStep"}, "'NextStep'")])
def test_an_unknown_way_of_resetting_is_refused(envs, squares, metadata, value):
    vector = envs(NEXT)
    vector.metadata = metadata
    with pytest.raises(SimulationError, match=rf"has {value}, and must be one of AutoresetMode\.NEXT_STEP"):
        VectorAttributionWrapper(vector, squares)


def test_spaces_that_do_not_match_are_both_named(squares):
    with pytest.raises(MismatchError, match=r"squares observes shape \[2\] and CartPole-v1 gives shape \[4\]"):
        VectorAttributionWrapper(gymnasium.make_vec("CartPole-v1", num_envs=2), squares)


def test_step_before_reset(envs, squares):
    with pytest.raises(SimulationError, match="call reset"):
        VectorAttributionWrapper(envs(NEXT), squares).step_policy()


def test_no_action_is_taken_by_scores_that_are_not_finite(counting):
    space = counting.observation_space
    policy = TorchPolicy(lambda x: torch.log(2 - x[:, [1, 1]]), space, counting.action_space)
    vector = SyncVectorEnv([partial(counting, 2), partial(counting, 1)])
    wrapped = VectorAttributionWrapper(vector, policy)
    wrapped.reset()
    for _ in range(3):  # t is 2 where the first environment has ended, and no action is asked for
        *_, info = wrapped.step_policy()
    assert info["_action"].tolist() == [False, True]
    wrapped = VectorAttributionWrapper(SyncVectorEnv([partial(counting, 3)]), policy)
    wrapped.reset()
    wrapped.step_policy()
    wrapped.step_policy()
    with pytest.raises(FaultError, match="is -inf, and no action was taken"):
        wrapped.step_policy()
    assert len(wrapped.env.envs[0].actions) == 2


def test_single_wrappers_inside_a_vector_environment(counting, squares, explained_state):
    def make(length):
        return AttributionWrapper(counting(length), squares, target="logit:all")

    vector = SyncVectorEnv([partial(make, 2), partial(make, 3)])
    vector.reset()
    for states in zip(*WITH_A_STEP_FOR_EACH_RESET, strict=True):
        *_, info = vector.step(np.zeros(2, int))
        for row, state in enumerate(states):
            assert info["_attribution"][row] == (state is not ONLY_A_RESET)
            assert state is ONLY_A_RESET or tuple(explained_state(info["attribution"][row])) == state
