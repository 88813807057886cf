import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

import rltools
from rltools import AttributionWrapper, TorchPolicy
from rltools.errors import ArgumentError


def _slopes(net, observation, action, epsilon=1e-3):
    """Central differences of the centered score of an action, in float64."""

    def score(state):
        weights = [parameter.detach().double().numpy() for parameter in net.layers.parameters()]
        hidden = np.tanh(weights[0] @ state + weights[1])
        logits = weights[2] @ hidden + weights[3]
        return logits[action] - logits.mean()

    state = observation.astype(np.float64)
    return np.array([(score(state + e) - score(state - e)) / (2 * epsilon) for e in epsilon * np.eye(len(state))])


@pytest.mark.parametrize("action", [0, 1])
def test_explains_the_action_taken_from_the_observation_it_was_taken_in(cartpole, policy, net, action):
    env = AttributionWrapper(cartpole, policy)
    observation, _ = env.reset(seed=0)
    for _ in range(5):
        following, *_, info = env.step(action)
        np.testing.assert_allclose(info["attribution"], _slopes(net, observation, action), rtol=1e-3, atol=1e-6)
        logits = net.layers(torch.as_tensor(observation)).detach().numpy()
        assert isinstance(info["score"], float)
        assert info["score"] == pytest.approx(logits[action] - logits.mean(), abs=1e-6)
        observation = following


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("gradient", {}),
        ("input_x_gradient", {}),
        ("integrated_gradients", {"nodes": 8}),
        ("shapley", {}),
    ],
)
@pytest.mark.parametrize("target", [None, "logit:runner_up", "centered:all", "entropy", "logit:chosen - runner_up"])
def test_agrees_with_attribute(cartpole, policy, method, parameters, target):
    references = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    env = AttributionWrapper(cartpole, policy, method, target, references=references, **parameters)
    observation, _ = env.reset(seed=2)
    for _ in range(2):
        following, *_, info = env.step_policy()
        expected = rltools.attribute(
            policy, observation, method=method, target=target, references=references, **parameters
        )
        several = len(env.labels) > 1
        values, score = (
            (expected.values[0], expected.scores[0]) if several else (expected.values[0, 0], expected.scores[0, 0])
        )
        np.testing.assert_allclose(info["attribution"], values, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(info["score"], score, rtol=1e-5, atol=1e-7)
        assert info["attribution"].shape == values.shape
        assert info["attribution"].dtype == np.float32
        assert env.labels == expected.labels
        assert env.features is policy.features
        observation = following


def test_stepping_by_hand_and_by_the_policy_agree(policy):
    by_policy = AttributionWrapper(gymnasium.make("CartPole-v1"), policy, target="logit:chosen")
    by_hand = AttributionWrapper(gymnasium.make("CartPole-v1"), policy, target="logit:chosen")
    by_policy.reset(seed=0)
    by_hand.reset(seed=0)
    for _ in range(8):
        *others, first = by_policy.step_policy()
        *two, second = by_hand.step(first["action"])
        np.testing.assert_array_equal(others[0], two[0])
        assert others[1:] == two[1:]
        np.testing.assert_allclose(first["attribution"], second["attribution"], rtol=1e-6)
        assert first["score"] == pytest.approx(second["score"])


@pytest.mark.parametrize(
    ("method", "target"), [("gradient", None), ("gradient", "logit:all"), ("input_x_gradient", None)]
)
def test_action_and_gradient_share_one_forward(cartpole, policy, net, method, target):
    env = AttributionWrapper(cartpole, policy, method, target)
    env.reset(seed=0)
    net.calls = 0
    env.step_policy()
    env.step(0)
    assert net.calls == 2


def test_random_actions_are_drawn_with_the_generator(cartpole, policy):
    env = AttributionWrapper(cartpole, policy, target="logit:chosen")
    ours, theirs, actions = np.random.default_rng(5), np.random.default_rng(5), set()
    observation, _ = env.reset(seed=0)
    for _ in range(8):
        expected = policy.act(observation[None], rltools.policies.base.Context(), deterministic=False, rngs=[theirs])
        observation, *_, info = env.step_policy(deterministic=False, rng=ours)
        assert info["action"] == expected.actions[0]
        assert info["score"] == pytest.approx(expected.scores[0, info["action"]])
        actions.add(int(info["action"]))
    assert actions == {0, 1}
    assert ours.bit_generator.state == theirs.bit_generator.state
    with pytest.raises(ArgumentError, match="random actions need rng="):
        env.step_policy(deterministic=False)


def test_continuous_actions_have_a_row_for_each_dimension(make_net):
    env = gymnasium.make("LunarLander-v3", continuous=True)
    policy = TorchPolicy(make_net(8, 2), env.observation_space, env.action_space, action_names=("main", "side"))
    env = AttributionWrapper(env, policy)
    observation, _ = env.reset(seed=0)
    *_, info = env.step(np.array([0.3, -0.2], np.float32))
    assert env.labels == ("action:main", "action:side")
    assert info["attribution"].shape == (2, 8)
    np.testing.assert_allclose(
        info["score"], policy.act(observation[None], rltools.policies.base.Context()).scores[0], rtol=1e-5
    )
    *_, info = env.step_policy()
    assert env.action_space.contains(info["action"])
    env.close()


def test_other_heads_are_explained_too(counting):
    heads = {"logit": lambda x: x, "value": lambda x: (x**2).sum(1, keepdim=True)}
    policy = TorchPolicy(heads["logit"], counting.observation_space, counting.action_space, heads)
    env = AttributionWrapper(counting(), policy, target="value")
    env.reset()
    env.step_policy()
    *_, info = env.step_policy()
    np.testing.assert_allclose(info["attribution"], [2, 2])
    assert info["score"] == pytest.approx(1 + 1)


def test_actions_that_do_not_start_at_zero(counting):
    space = Discrete(2, start=5)
    policy = TorchPolicy(lambda x: x**2, counting.observation_space, space)
    inner = counting()
    inner.action_space = space
    env = AttributionWrapper(inner, policy, target="logit:chosen")
    env.reset()
    env.step(5)
    *_, info = env.step(6)
    np.testing.assert_array_equal(info["attribution"], [0, 2])
    *_, info = env.step_policy()
    assert (info["action"], inner.actions[-1]) == (6, 6)
    with pytest.raises(ArgumentError, match=r"action 0 is none of .*, which are 5 to 6"):
        env.step(0)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("method", ["gradient", "integrated_gradients"])
def test_works_where_the_caller_has_gradients_off(counting, squares, explained_state, context, method):
    with context():
        env = AttributionWrapper(counting(), squares, method, "logit:all", references=np.zeros(2, np.float32))
        env.reset()
        *_, info = env.step_policy()
    assert info["attribution"].any()
