"""A policy around a plain PyTorch module."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, Sequence, Tuple
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import rltools
from rltools.errors import ArgumentError, MismatchError
from rltools.policies._identity import fingerprint
from rltools.policies.base import Context, Policy
from rltools.policies.torch_policy import TorchPolicy
from rltools.spaces import Features

VECTOR = Box(-np.inf, np.inf, (3,), np.float32)
IMAGE = Box(0, 255, (6, 5, 3), np.uint8)
THREE = Discrete(3)
ARM = Box(np.array([-1.0, -2.0], np.float32), np.array([1.0, 2.0], np.float32))


def network(outputs: int = 3, inputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, outputs))


def observations(rows: int = 4) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, 3)).astype(np.float32)


def generators(rows: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, row]) for row in range(rows)]


def test_it_is_a_policy_and_takes_the_highest_score():
    module = network()
    policy = TorchPolicy(module, VECTOR, THREE)
    acted = policy.act(observations(), Context())
    expected = module.eval()(torch.from_numpy(observations()))
    assert isinstance(policy, Policy)
    assert policy.heads == ("logit",)
    assert policy.action_names == ("action 0", "action 1", "action 2")
    assert acted.actions.dtype == np.int64
    assert acted.actions.tolist() == expected.argmax(1).tolist() == acted.context.action.tolist()
    np.testing.assert_array_equal(acted.scores, expected.detach().numpy())


def test_actions_count_from_the_start_of_the_space_and_positions_from_zero():
    policy = TorchPolicy(lambda x: x, VECTOR, Discrete(3, start=5))
    acted = policy.act(np.array([[0.0, 1.0, 0.0]]), Context())
    assert acted.actions.tolist() == [6]
    assert acted.context.action.tolist() == [1]


def test_a_continuous_action_is_clipped_to_the_bounds():
    policy = TorchPolicy(lambda x: x[:, :2] * 100, VECTOR, ARM)
    acted = policy.act(np.array([[1.0, -1.0, 0.0]]), Context())
    assert policy.heads == ("action",)
    assert acted.actions.tolist() == [[1.0, -2.0]]
    assert acted.scores.tolist() == [[1.0, -2.0]], "as the environment receives it"


def test_what_is_explained_is_the_action_that_the_environment_receives():
    net = torch.nn.Linear(3, 2)
    torch.nn.init.constant_(net.weight, 0.5)
    torch.nn.init.constant_(net.bias, 0)
    x = np.array([[0.2, 0.2, 0.2], [1.5, 1.5, -0.2], [9, 9, 9]], np.float32)
    right = np.zeros((3, 2, 3))
    right[0], right[1, 1] = 0.5, 0.5  # the first action is at most 1, the second at most 2
    for policy in (
        TorchPolicy(net, VECTOR, ARM),
        TorchPolicy(lambda x: net(1 * x), VECTOR, ARM),
        TorchPolicy(net, VECTOR, ARM, {"mean": net, "action": net}),
        TorchPolicy(net, VECTOR, ARM, std=lambda x: torch.ones(len(x), 2)),
    ):
        attribution = rltools.attribute(policy, x, target="action:all")
        np.testing.assert_allclose(attribution.values, right, atol=1e-6)
        np.testing.assert_allclose(attribution.scores[2], [1, 2], atol=1e-6)
        still = rltools.attribute(policy, x[2:], target="action:all", method="shapley", references=x[2:] * 2)
        assert not still.values.any(), "both states lead to the same action"
    assert policy.heads == ("mean", "action"), "drawn around what the network says"
    np.testing.assert_allclose(policy.act(x, Context()).scores[2], [13.5, 13.5])


@pytest.mark.parametrize("make", [lambda net: net, lambda net: lambda x: net(1 * x)])
def test_an_action_of_integers_has_no_gradient_and_changes_in_steps(make):
    net = nn.Linear(3, 1)
    nn.init.constant_(net.weight, 1)
    nn.init.constant_(net.bias, 0)
    policy = TorchPolicy(make(net), VECTOR, Box(0, 5, (1,), np.int32))
    x = np.array([[0.5, 0, 0], [2.5, 0, 0]], np.float32)
    assert policy.act(x, Context()).actions.tolist() == [[0], [2]]
    attribution = rltools.attribute(policy, x, method="shapley", references=np.zeros((1, 3), np.float32))
    assert attribution.scores[:, 0].tolist() == [0, 2]
    assert attribution.values[:, 0].tolist() == [[0, 0, 0], [2, 0, 0]]
    assert not rltools.attribute(policy, x).values.any()


def test_random_actions_come_from_the_generator_of_the_row_and_follow_the_probabilities():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]])).expand(4000, 3)
    policy = TorchPolicy(network(), VECTOR, THREE)
    drawn = policy.choose(logits, deterministic=False, rngs=generators(4000))
    np.testing.assert_allclose(np.bincount(drawn) / 4000, [0.7, 0.2, 0.1], atol=0.03)
    assert drawn[7:9].tolist() == policy.choose(logits[:2], deterministic=False, rngs=generators(9)[7:]).tolist()


@pytest.mark.parametrize("rngs", [None, generators(3)])
def test_random_actions_without_a_generator_for_each_row_are_refused(rngs):
    policy = TorchPolicy(network(), VECTOR, THREE)
    with pytest.raises(ArgumentError, match="each of the 4 rows"):
        policy.act(observations(), Context(), deterministic=False, rngs=rngs)


def test_scores_without_a_distribution_are_never_drawn_from():
    policy = TorchPolicy(network(), VECTOR, THREE, {"q_value": network()})
    with pytest.raises(ArgumentError, match="no distribution"):
        policy.act(observations(), Context(), deterministic=False, rngs=generators(4))


def test_every_call_leaves_modes_buffers_gradients_and_the_observation_as_they_were():
    module = network().train()
    module[3].eval()
    module[1].weight.grad = torch.ones_like(module[1].weight)
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    policy = TorchPolicy(module, VECTOR, THREE)
    given_observations = observations()
    policy.act(given_observations, Context())
    x = policy.encode(given_observations).requires_grad_()
    torch.autograd.grad(policy.head("logit", x, Context()).sum(), x)
    policy.encode(given_observations).zero_()
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(module[1].weight.grad, torch.ones_like(module[1].weight))
    assert module[4].weight.grad is None
    np.testing.assert_array_equal(given_observations, observations())


def test_modes_come_back_after_an_error():
    module = network(inputs=4).train()
    with pytest.raises(MismatchError):
        TorchPolicy(module, VECTOR, THREE).act(observations(), Context())
    assert all(part.training for part in module.modules())


def test_a_module_in_train_mode_is_scored_in_eval_mode():
    module = network()
    policy = TorchPolicy(module.train(), VECTOR, THREE)
    first, second = (policy.act(observations(), Context()).scores for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_image_reaches_the_module_unscaled_in_the_layout_of_the_environment():
    inputs = []
    policy = TorchPolicy(lambda x: (inputs.append(x), x.flatten(1)[:, :3])[1], IMAGE, THREE)
    frames = np.full((2, 6, 5, 3), 200, np.uint8)
    policy.act(frames, Context())
    assert inputs[0].shape == (2, 6, 5, 3)
    assert inputs[0].dtype == torch.float32
    assert bool((inputs[0] == 200.0).all())
    assert policy.features.dims == ("y", "x", "channel")


@pytest.mark.parametrize("shape", [(3,), (4, 2), (4, 3, 1), ()])
def test_observations_of_another_shape_are_refused_with_both_shapes(shape):
    policy = TorchPolicy(network(), VECTOR, THREE)
    with pytest.raises(MismatchError) as caught:
        policy.encode(np.zeros(shape, np.float32))
    assert "[batch, 3]" in str(caught.value)
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.int64, np.uint64, np.bool_])
def test_numbers_are_cast_to_the_dtype_of_the_policy(dtype):
    policy = TorchPolicy(network(), VECTOR, THREE)
    x = policy.encode(np.ones((2, 3), dtype))
    assert x.dtype == torch.float32
    assert x.tolist() == [[1.0] * 3] * 2


@given(st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_integers_are_encoded_exactly_or_refused(value):
    policy = TorchPolicy(network(), Box(-(2**63), 2**63 - 1, (1,), np.int64), THREE)
    exact = int(np.float32(value)) == value
    if exact:
        assert int(policy.encode(np.array([[value]], np.int64)).item()) == value
    else:
        with pytest.raises(ArgumentError, match=str(value)):
            policy.encode(np.array([[value]], np.int64))


def test_double_precision_holds_what_single_does_not():
    space = Box(-(2**60), 2**60, (1,), np.int64)
    policy = TorchPolicy(lambda x: x, space, Discrete(1), dtype=torch.float64)
    assert policy.encode(np.array([[2**24 + 1]])).item() == 2**24 + 1


def test_words_are_refused():
    with pytest.raises(ArgumentError, match="numbers"):
        TorchPolicy(network(), VECTOR, THREE).encode(np.array([["a", "b", "c"]]))


def test_a_head_of_another_width_is_refused_with_both_shapes():
    policy = TorchPolicy(network(outputs=5), VECTOR, THREE)
    with pytest.raises(MismatchError, match=r"\[4, 3\].*\[4, 5\]"):
        policy.act(observations(), Context())


def test_a_value_head_has_one_column():
    policy = TorchPolicy(network(), VECTOR, THREE, {"logit": network(), "value": lambda x: x.sum(1, keepdim=True)})
    assert policy.head("value", torch.ones(2, 3), Context()).tolist() == [[3.0], [3.0]]


def test_a_network_that_cannot_take_the_observation_is_named_with_its_shape():
    policy = TorchPolicy(nn.Linear(7, 3), VECTOR, THREE, name="seven inputs")
    with pytest.raises(MismatchError, match=r"seven inputs.*\[1, 3\]"):
        policy.act(observations(1), Context())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": {"logits": network()}}, "heads are logit"),
        ({"heads": {"value": network()}}, "the deciding one first"),
        ({"action_names": ["left"]}, "1 action names for 3 actions"),
        ({"dtype": torch.float16}, "float16"),
        ({"action_space": Tuple([Discrete(2)])}, "actions of Tuple are not supported"),
        ({"env": Sequence(VECTOR)}, "observations of Sequence are not supported"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(changes, message):
    arguments = {"module": network(), "env": VECTOR, "action_space": THREE} | changes
    with pytest.raises(ArgumentError, match=message):
        TorchPolicy(**arguments)


def test_an_unknown_head_is_answered_with_those_there_are():
    with pytest.raises(ArgumentError, match="no head 'value'; it has logit"):
        TorchPolicy(network(), VECTOR, THREE).head("value", torch.ones(1, 3), Context())


def test_the_fingerprint_follows_the_weights():
    module = network()
    before = fingerprint(module)
    assert before == fingerprint(network())
    with torch.no_grad():
        module[1].bias[0] += 1e-6
    assert fingerprint(module) != before
    assert TorchPolicy(module, VECTOR, THREE).source.sha256 == fingerprint(module)


def test_a_function_is_said_to_have_no_fingerprint():
    source = TorchPolicy(torch.tanh, VECTOR, THREE).source
    assert len(source.sha256) == 64
    assert "cannot be fingerprinted" in source.notes[0]


def test_names_are_those_given():
    policy = TorchPolicy(
        network(),
        VECTOR,
        THREE,
        name="mine",
        action_names=["a", "b", "c"],
        features=Features((3,), given_names=("x", "y", "z")),
    )
    assert (policy.source.name, policy.action_names, policy.features.names) == (
        "mine",
        ("a", "b", "c"),
        ("x", "y", "z"),
    )
