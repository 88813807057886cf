import gymnasium
import numpy as np
import pytest
import torch

import rltools
from rltools.errors import ArgumentError, MismatchError, UnknownNameError

NEEDING = ["integrated_gradients", "shapley"]


def test_a_single_state_and_a_batch_of_it(policy):
    state = np.array([1.0, -1.0, 0.5, 2.0])
    single = rltools.attribute(policy, state)
    assert single.values.shape == (1, 1, 4)
    np.testing.assert_array_equal(single.values, rltools.attribute(policy, state[None]).values)


def test_the_chosen_action_is_the_policys_own(policy):
    states = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    chosen = rltools.attribute(policy, states, target="logit:chosen")
    every = rltools.attribute(policy, states, target="logit:all")
    best = every.scores.argmax(1)
    np.testing.assert_allclose(chosen.values[:, 0], every.values[np.arange(20), best], rtol=1e-5)
    np.testing.assert_allclose(chosen.scores[:, 0], every.scores.max(1), rtol=1e-5)


def test_what_comes_back_says_what_it_is(policy):
    result = rltools.attribute(policy, np.ones((2, 4)), method="shapley", target="logit:all", references=np.zeros(4))
    assert (result.method, result.target, result.unit) == ("shapley", "logit:all", "score")
    assert result.labels == ("logit:action 0", "logit:action 1", "logit:action 2")
    assert result.references.shape == (1, 4)
    assert result.spec.policy_sha256 == policy.source.sha256
    assert len(result.spec.parameters["reference"]) == 64
    np.testing.assert_array_equal(result["obs[2]"], result.values[:, :, 2])


def test_tensors_that_carry_gradients(policy):
    x = torch.ones(2, 4, requires_grad=True)
    result = rltools.attribute(policy, x, method="shapley", references=torch.zeros(4, requires_grad=True))
    expected = rltools.attribute(policy, np.ones((2, 4)), method="shapley", references=np.zeros(4))
    np.testing.assert_array_equal(result.values, expected.values)
    assert x.grad is None


@pytest.mark.parametrize("name", ["gradient", "input_x_gradient", *NEEDING])
def test_no_states(policy, name):
    result = rltools.attribute(policy, np.zeros((0, 4)), method=name, target="logit:all", references=np.zeros(4))
    assert result.values.shape == (0, 3, 4)
    assert result.scores.shape == (0, 3)


def test_a_state_that_is_not_finite_costs_that_row_only(policy):
    states = np.ones((3, 4))
    states[1, 2] = np.nan
    result = rltools.attribute(policy, states)
    assert np.isnan(result.values).all((1, 2)).tolist() == [False, True, False]


def test_nothing_is_changed(policy):
    states = np.ones((2, 4))
    references = np.zeros((2, 4))
    random_state = torch.get_rng_state()
    for name in ("gradient", *NEEDING):
        rltools.attribute(policy, states, method=name, references=references)
    assert (states == 1).all()
    assert not references.any()
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("name", NEEDING)
def test_references_are_required_as_states(policy, name):
    with pytest.raises(ArgumentError, match=f"{name} compares each state with reference states and none were given"):
        rltools.attribute(policy, np.ones((2, 4)), method=name)
    with pytest.raises(ArgumentError, match="references is 8; only a recording has visited states"):
        rltools.attribute(policy, np.ones((2, 4)), method=name, references=8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_references_that_are_not_finite_are_named(policy, recording, Walk, value):
    references = np.zeros((3, 4))
    references[1, 2] = value
    refused = pytest.raises(
        ArgumentError, match=rf"^reference 1 of 3 is {value} at \[2\] \('obs\[2\]'\); .* leave such"
    )
    with refused:
        rltools.attribute(policy, np.ones((2, 4)), method="shapley", references=references)
    with refused:
        rltools.explain(recording, policy, method="shapley", references=references)
    assert recording.specs == {}
    with refused:
        rltools.AttributionWrapper(Walk(), policy, "shapley", references=references)
    with refused:
        vectors = gymnasium.vector.SyncVectorEnv([Walk])
        rltools.VectorAttributionWrapper(vectors, policy, "shapley", references=references)


def test_refused(policy):
    with pytest.raises(MismatchError, match=r"takes observations of shape \[batch, 4\], not \[2, 5\]"):
        rltools.attribute(policy, np.ones((2, 5)))
    with pytest.raises(UnknownNameError, match="no method 'saliency'"):
        rltools.attribute(policy, np.ones((2, 4)), method="saliency")
    with pytest.raises(ArgumentError, match="gradient takes no parameter 'nodes'"):
        rltools.attribute(policy, np.ones((2, 4)), nodes=8)
