"""Every score in the folder keeps the contract of all scores."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from rltools.policies.base import Context
from rltools.policies.torch_policy import TorchPolicy
from rltools.targets import SCORES, available_scores, base_head, linear_weights, make_target_function, parse_target
from rltools.targets.scores import Rows, Score, find_score, score_names

ROWS, FEATURES, ACTIONS = 5, 3, 4


def policy_with(head, discrete):
    """A policy that decides by this head, of four actions or dimensions."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(FEATURES, 8), nn.Tanh(), nn.Linear(8, ACTIONS)).double()
    space = Discrete(ACTIONS) if discrete else Box(-1, 1, (ACTIONS,), np.float64)
    heads = {head: net} if head in ("logit", "q_value", "mean", "action") else {"q_value": net, head: net}
    return TorchPolicy(net, Box(-np.inf, np.inf, (FEATURES,), np.float64), space, heads=heads, dtype=torch.float64)


def policies_with(name):
    """Policies that have the score; of a head of its own name, or that read it from their logits."""
    score = find_score(name)
    if name == "value":
        torch.manual_seed(0)
        net, value = nn.Linear(FEATURES, ACTIONS).double(), nn.Linear(FEATURES, 1).double()
        box = Box(-np.inf, np.inf, (FEATURES,), np.float64)
        return [TorchPolicy(net, box, Discrete(ACTIONS), heads={"logit": net, "value": value}, dtype=torch.float64)]
    heads = [score.head or name] if score.head is not None else ["logit"]
    return [policy_with(heads[0], discrete=heads[0] not in ("mean", "action"))]


def states(seed=0):
    return torch.randn(ROWS, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=score_names())
def name(request):
    return request.param


def context_of(policy, x):
    scores = policy.head(policy.heads[0], x, Context()).detach()
    return Context(action=scores.argmax(1) if policy.branches else scores, scores=scores)


def test_it_declares_what_pages_and_errors_say_of_it(name):
    score = find_score(name)
    assert isinstance(score, Score)
    assert score.name == name
    assert score.meaning
    assert score.meaning.count("{}") <= 1
    assert score.meaning.format("the action")
    assert score.missing.format(deciding="logit") or not score.missing
    assert score.noun
    assert (score.read.__doc__ or "").strip()


def test_some_policy_has_it(name):
    for policy in policies_with(name):
        assert find_score(name).is_available(policy)
        assert base_head(parse_target(name if find_score(name).alone else None, policy), policy) in policy.heads
        assert find_score(name).alone or name in available_scores(policy)


def test_scores_are_read_row_by_row_and_keep_the_axes_between(name):
    for policy in policies_with(name):
        score, x = find_score(name), states()
        outputs = policy.head(score.head_of(policy), x, Context()).detach()
        rows = Rows(policy, context_of(policy, x))
        read = score.read(outputs, rows)
        numbers = 1 if score.of_state(policy) or score.alone else outputs.shape[1]
        assert read.shape == (ROWS, numbers)
        copies = score.read(outputs[:, None, None].repeat(1, 2, 3, 1), rows)
        torch.testing.assert_close(copies, read[:, None, None].expand_as(copies))


def test_its_gradient_is_that_of_finite_differences(name):
    if find_score(name).alone:
        return
    for policy in policies_with(name):
        x = states()
        context = context_of(policy, x)
        target = parse_target(name if find_score(name).of_state(policy) else f"{name}:all", policy)
        f = make_target_function(policy, target, context)
        x = x + 0.1  # not the state itself, where the divergence is flat
        for feature in range(FEATURES):
            step = torch.zeros(FEATURES, dtype=torch.float64)
            step[feature] = 1e-6
            slope = (f(x + step) - f(x - step)) / 2e-6
            torch.testing.assert_close(f.gradients(x)[..., feature].T, slope, rtol=1e-5, atol=1e-7)


def test_weights_that_it_declares_are_those_of_what_it_reads(name):
    score = find_score(name)
    for policy in policies_with(name):
        target = parse_target(name if score.of_state(policy) or score.alone else f"{name}:all", policy)
        weights = linear_weights(policy, target)
        assert (weights is not None) == (score.linear is not None)
        if weights is None:
            continue
        x = states()
        outputs = policy.head(score.head_of(policy), x, Context()).detach()
        read = score.read(outputs, Rows(policy, context_of(policy, x)))
        torch.testing.assert_close(outputs @ weights.of_rows(None)[0].T, read)


def test_all_names_are_targets():
    assert score_names() == SCORES


def test_what_a_score_means_is_known_without_torch():
    code = (
        "import sys; from rltools.targets.scores import find_score, score_names; "
        "print([find_score(name).meaning for name in score_names()][0], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
