"""A gradient through the pass that decided is the gradient that is taken by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rltools
from rltools.attributions import find_method
from rltools.explanation.batches import explained_rows
from rltools.policies.base import Context
from rltools.policies.decide import decide
from rltools.targets import decision_pass, make_target_function, parse_target


def observed(policy, rows=7):
    shape = policy.features.shape
    return np.random.default_rng(0).normal(size=(rows, *shape)).astype(np.float32)


@pytest.mark.parametrize("method", ["gradient", "input_x_gradient"])
@pytest.mark.parametrize(
    ("agent", "target"),
    [
        ("lunarlander-ppo", "centered:chosen"),
        ("lunarlander-ppo", "logit:all"),
        ("lunarlander-ppo", "logit:chosen - 1 & centered:0"),
        ("lunarlander-dqn", "q_value:chosen"),
        ("hopper-ppo", "mean:all"),
    ],
)
def test_values_and_scores(agent, target, method):
    policy = rltools.load_policy(agent)
    states, result, parsed = observed(policy), find_method(method), parse_target(target, policy)
    x, decided = policy.encode(states), policy.act(states, Context()).context
    assert decided.forward_pass is None
    right = explained_rows(policy, result, parsed, x, decided, None, {}).columns
    values = rltools.attribute(policy, states, method=method, target=target)
    np.testing.assert_allclose(values.values, right["values"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values.scores, right["scores"], rtol=1e-5, atol=1e-5)
    assert values.values.any()


def test_the_network_is_passed_through_once(monkeypatch):
    policy, calls = rltools.load_policy("lunarlander-ppo"), []
    vjp = policy.vjp
    monkeypatch.setattr(policy, "vjp", lambda *args: calls.append("vjp") or vjp(*args), raising=False)
    monkeypatch.setattr(policy, "act", lambda *args, **more: calls.append("act"), raising=False)
    monkeypatch.setattr(policy, "head", lambda *args: calls.append("head"), raising=False)
    rltools.attribute(policy, observed(policy))
    assert calls == ["vjp"]


@pytest.mark.parametrize("target", ["value", "entropy"])
def test_other_targets_have_their_own_gradient(target):
    policy = rltools.load_policy("lunarlander-ppo")
    states = observed(policy)
    leaf = policy.encode(states).clone().requires_grad_()
    values = rltools.attribute(policy, states, target=target).values
    outputs = policy.head("value" if target == "value" else "logit", leaf, Context())
    (gradient,) = torch.autograd.grad((outputs if target == "value" else entropy(outputs)).sum(), leaf)
    np.testing.assert_allclose(values[:, 0], gradient.numpy(), rtol=1e-4, atol=1e-6)


def test_the_pass_of_other_rows_is_not_used():
    policy = rltools.load_policy("lunarlander-ppo")
    x = policy.encode(observed(policy))
    forward_pass = decision_pass(policy, x, Context())
    context = replace(decide(policy, forward_pass.output, Context()).context, forward_pass=forward_pass)
    f = make_target_function(policy, parse_target("logit:0", policy), context)
    torch.testing.assert_close(f.gradients(x + 1), rows_alone(policy, x + 1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(f.gradients(x), rows_alone(policy, x), rtol=1e-4, atol=1e-6)


def rows_alone(policy, x):
    return make_target_function(policy, parse_target("logit:0", policy), Context()).gradients(x)


@pytest.mark.parametrize("target", ["centered:chosen", "logit:all & entropy"])
def test_of_a_network_without_products_of_its_own(target):
    """The graph of the decision's forward pass gives the gradients."""
    torch.manual_seed(0)
    agent = rltools.load_policy("lunarlander-ppo")
    calls = []

    class Counting(torch.nn.Linear):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)

    net = torch.nn.Sequential(Counting(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 4))
    policy = rltools.TorchPolicy(net, agent.observation_space, agent.action_space)
    x = policy.encode(observed(policy))
    calls.clear()
    forward_pass = decision_pass(policy, x, Context())
    context = replace(decide(policy, forward_pass.output, Context()).context, forward_pass=forward_pass)
    f = make_target_function(policy, parse_target(target, policy), context)
    gradients = f.gradients(x)
    assert calls.count(len(x)) == 1  # the policy tries a few rows of its own
    separate = make_target_function(policy, parse_target(target, policy), replace(context, forward_pass=None))
    torch.testing.assert_close(gradients, separate.gradients(x))
    torch.testing.assert_close(f.own_values(x), separate.own_values(x))


def entropy(logits):
    return torch.distributions.Categorical(logits=logits).entropy()


def test_values_that_are_not_finite_are_missing():
    policy = rltools.load_policy("lunarlander-ppo")
    states = observed(policy)
    states[3, 2] = np.nan
    values = rltools.attribute(policy, states).values
    assert np.isnan(values[3]).all()
    assert np.isfinite(np.delete(values, 3, axis=0)).all()
