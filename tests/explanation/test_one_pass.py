"""A gradient through the pass that decided is the gradient that is taken by itself."""

import numpy as np
import pytest
import torch

import rltools
from rltools.attributions import find_method
from rltools.explanation.batches import explained_rows, from_one_pass
from rltools.policies.base import Context, decide, decision_pass
from rltools.targets import parse_target


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


@pytest.mark.parametrize(
    ("target", "method"), [("value", "gradient"), ("entropy", "gradient"), ("centered:chosen", "occlusion")]
)
def test_other_questions_are_not_answered_by_it(target, method):
    policy = rltools.load_policy("lunarlander-ppo")
    states = observed(policy)
    x = policy.encode(states)

    forward_pass = decision_pass(policy, x, Context())
    context = Context(**{**vars(decide(policy, forward_pass.output, Context()).context), "forward_pass": forward_pass})
    parsed = parse_target(target, policy)
    assert from_one_pass(policy, find_method(method), parsed, x, context) is None
    assert from_one_pass(policy, find_method("gradient"), parse_target("logit:0", policy), x.clone(), context) is None
    leaf = x.clone().requires_grad_()
    if method == "gradient":
        result = rltools.attribute(policy, states, target=target)
        head = policy.head("value" if target == "value" else "logit", leaf, Context())
        scores = head if target == "value" else entropy(head)
        (gradient,) = torch.autograd.grad(scores.sum(), leaf)
        np.testing.assert_allclose(result.values[:, 0], gradient.numpy(), rtol=1e-4, atol=1e-6)


def entropy(logits):
    return torch.distributions.Categorical(logits=logits).entropy()


def test_values_that_are_not_finite_are_missing():
    policy = rltools.load_policy("lunarlander-ppo")
    states = observed(policy)
    states[3, 2] = np.nan
    values = rltools.attribute(policy, states).values
    assert np.isnan(values[3]).all()
    assert np.isfinite(np.delete(values, 3, axis=0)).all()
