"""The same numbers as other libraries', where both are defined, on real agents."""

import warnings

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, IntegratedGradients, Saliency
from torch import nn

import rltools
from rltools.policies.base import Context

VECTORS = ("lunarlander-ppo", "lunarlander-dqn", "hopper-ppo", "pendulum-sac")
REFERENCE = (*VECTORS, "lavagap-cnn-ppo")
REAL = (
    "a2c/Acrobot-v1",
    "ars/CartPole-v1",
    "dqn/LunarLander-v2",
    "ppo/LunarLander-v2",
    "ppo/MountainCar-v0",
    "qrdqn/CartPole-v1",
    "sac/Pendulum-v1",
    "trpo/Hopper-v3",
)
ROWS, TOLERANCE = 12, 1e-5
few_features = pytest.mark.parametrize("agent", [*VECTORS, *REAL], indirect=True)
"""Agents with so few features that there is a pass for each of them, or for each coalition of them."""


class Head(nn.Module):
    """The outputs that decide, and nothing else of ours."""

    def __init__(self, policy):
        super().__init__()
        self.policy = policy

    def forward(self, x):
        return self.policy.head(self.policy.heads[0], x, Context())


@pytest.fixture(params=[*REFERENCE, *REAL])
def agent(request):
    """A policy in float64, and states around those that it sees."""
    source = request.param
    if "/" in source:
        source = request.getfixturevalue("zoo") / f"{source}_1"
    policy = rltools.load_policy(source, dtype=torch.float64)
    rng = np.random.default_rng(0)
    shape = policy.observation_space.shape
    if len(shape) == 3:
        states = rng.integers(0, 256, (ROWS + 1, *shape)).astype(policy.observation_space.dtype)
    else:
        states = 0.3 * rng.standard_normal((ROWS + 1, *shape))
    return policy, states[:ROWS], states[ROWS:]


def ours(policy, states, method, references=None, **parameters):
    target = f"{policy.heads[0]}:all"
    return rltools.attribute(policy, states, method=method, target=target, references=references, **parameters).values


def theirs(policy, states, explain):
    """Each output in turn, `[state, output, *feature]`."""
    x, head = policy.encode(states), Head(policy)
    result = [explain(head, x.clone().requires_grad_(), index) for index in range(len(policy.action_names))]
    return torch.stack(result, dim=1).detach().numpy()


def assert_same(result, expected):
    assert result.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(result, expected, rtol=TOLERANCE, atol=TOLERANCE * np.abs(expected).max())


def test_gradients_are_captums(agent):
    policy, states, _ = agent
    expected = theirs(policy, states, lambda head, x, index: Saliency(head).attribute(x, target=index, abs=False))
    assert_same(ours(policy, states, "gradient"), expected)


@pytest.mark.parametrize("name", REFERENCE)
def test_gradients_in_single_precision_are_captums(name):
    policy = rltools.load_policy(name)
    space = policy.observation_space
    states = np.random.default_rng(0).uniform(0, 1, (ROWS, *space.shape)).astype(space.dtype)
    expected = theirs(policy, states, lambda head, x, index: Saliency(head).attribute(x, target=index, abs=False))
    assert_same(ours(policy, states, "gradient"), expected)


def test_integrated_gradients_are_captums(agent):
    policy, states, references = agent
    baseline = policy.encode(references)
    expected = theirs(
        policy,
        states,
        lambda head, x, index: IntegratedGradients(head).attribute(x, baselines=baseline, target=index, n_steps=16),
    )
    assert_same(ours(policy, states, "integrated_gradients", references, nodes=16, most_nodes=16), expected)


@few_features
def test_occlusion_is_captums_ablation(agent):
    policy, states, references = agent
    baseline = policy.encode(references)
    expected = theirs(
        policy, states, lambda head, x, index: FeatureAblation(head).attribute(x, baselines=baseline, target=index)
    )
    assert_same(ours(policy, states, "occlusion", references, replacement="mean"), expected)


@few_features
def test_shapley_values_are_shaps(agent):
    policy, states, _ = agent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        references, head = states[:3], Head(policy)

        def scores(rows):
            with torch.no_grad():
                return head(torch.from_numpy(np.asarray(rows, np.float64))).numpy()

        encoded = policy.encode(references).numpy()
        exact = shap.explainers.Exact(scores, shap.maskers.Independent(encoded, max_samples=len(encoded)))
        expected = exact(policy.encode(states[3:6]).numpy(), silent=True).values
    if expected.ndim == 2:
        expected = expected[:, :, None]
    assert_same(ours(policy, states[3:6], "shapley", references), np.moveaxis(expected, 2, 1))
