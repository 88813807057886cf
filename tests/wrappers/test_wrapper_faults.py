import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box

from rltools import AttributionWrapper, TorchPolicy
from rltools.errors import (
    ArgumentError,
    FaultError,
    GradientError,
    MismatchError,
    SimulationError,
    TargetError,
    UnknownNameError,
)


def test_an_environment_with_a_score_of_its_own_is_refused(counting, squares):
    inner = counting()
    inner.info = {"score": 12}
    env = AttributionWrapper(inner, squares)
    env.reset()
    with pytest.raises(SimulationError, match="already has 'score'"):
        env.step(0)


def test_after_an_error_in_step_nothing_is_lost_but_its_info(counting, squares, explained_state):
    env = AttributionWrapper(counting(), squares, target="logit:all")
    env.reset()
    env.step(0)
    with pytest.raises(RuntimeError, match="stuck"):
        env.step("break")
    *_, info = env.step(0)
    assert tuple(explained_state(info["attribution"])) == (1, 1)
    env.reset()
    *_, info = env.step(0)
    assert tuple(explained_state(info["attribution"])) == (2, 0)


def test_after_an_error_in_reset_the_old_episode_explains_nothing(counting, squares):
    inner = counting()
    env = AttributionWrapper(inner, squares)
    env.reset()
    with pytest.raises(Exception, match="Seed"):
        env.reset(seed="seven")
    with pytest.raises(SimulationError, match="call reset"):
        env.step(0)


def test_step_before_reset(cartpole, policy, counting, squares):
    env = AttributionWrapper(cartpole, policy)
    with pytest.raises(ResetNeeded):
        env.step(0)
    for step in (lambda env: env.step(0), lambda env: env.step_policy()):
        with pytest.raises(SimulationError, match="call reset"):
            step(AttributionWrapper(counting(), squares))


@pytest.mark.parametrize("method", ["gradient", "shapley"])
def test_attributions_that_are_not_finite_are_nan(counting, method):
    policy = TorchPolicy(lambda x: torch.sqrt(x - 1), counting.observation_space, counting.action_space)
    env = AttributionWrapper(counting(), policy, method, "logit:0", references=np.ones(2, np.float32))
    env.reset()  # x is (1, 0): an infinite slope, and a score that is not a number
    step = env.step(0)
    assert step[:4] == (step[0], 1.5, False, False)
    assert np.isnan(step[4]["attribution"]).all() == (method == "gradient")


def test_no_action_is_taken_by_scores_that_are_not_finite(counting):
    policy = TorchPolicy(lambda x: torch.log(x - 1), counting.observation_space, counting.action_space, name="log")
    inner = counting()
    env = AttributionWrapper(inner, policy)
    env.reset()
    with pytest.raises(FaultError, match="score 'logit:action 0' of log is -inf, and no action was taken"):
        env.step_policy()
    assert inner.actions == []


def test_what_cannot_be_explained_is_refused_before_the_first_step(counting, squares):
    cases = [
        ({"method": "shapley"}, ArgumentError, "references"),
        ({"method": "gradiant"}, UnknownNameError, "gradient"),
        ({"target": "value"}, TargetError, "no target 'value'"),
        ({"nodes": 3}, ArgumentError, "gradient takes no parameter 'nodes'"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            AttributionWrapper(counting(), squares, **arguments)
    detached = TorchPolicy(lambda x: x.detach(), counting.observation_space, counting.action_space)
    with pytest.raises(GradientError):
        AttributionWrapper(counting(), detached)
    with pytest.raises(ArgumentError, match=r"policy is a str; .* rltools\.load_policy"):
        AttributionWrapper(counting(), "cartpole-ppo")


def test_spaces_that_do_not_match_are_both_named(cartpole, squares, counting):
    with pytest.raises(MismatchError, match=r"squares observes shape \[2\] and CartPole-v1 gives shape \[4\]"):
        AttributionWrapper(cartpole, squares)
    policy = TorchPolicy(lambda x: x, counting.observation_space, Box(-1, 1, (2,)))
    with pytest.raises(MismatchError, match=r"Box actions \(2,\) and the environment takes 2 actions"):
        AttributionWrapper(counting(), policy)


def test_an_action_of_another_shape_than_the_policys(counting, squares):
    env = AttributionWrapper(counting(), squares)
    env.reset()
    with pytest.raises(ArgumentError, match=r"squares takes actions of shape \[1\], not \[2\]"):
        env.step(np.array([0, 1]))
