"""Gradients by the way back through known layers, against those of a graph."""

import hypothesis.strategies as st
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from hypothesis import given, settings
from torch import nn

import rltools
from rltools.policies._normalization import Normalization
from rltools.policies.base import Context
from rltools.policies.decide import outputs_and_vjp
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._convolution import convolution_vjp
from rltools.policies.vjp._layers import ClipLayer, DivideLayer, PermuteLayer, RescaleLayer
from rltools.targets import make_target_function, parse_target

quick = settings(deadline=None, max_examples=25)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_pulls_as_a_graph(chain, x, copies=2):
    """The way back, and what comes out, are those of the parts themselves: of modules, not of our layers for them."""
    assert chain.plan() is not None
    y, vjp_fn = chain.vjp(x)
    leaf = x.clone().requires_grad_()
    expected = leaf.clone()  # a part may write into what it is given
    for part in chain.parts:
        expected = part(expected)
    torch.testing.assert_close(y, expected.detach(), rtol=0, atol=0)
    torch.testing.assert_close(chain(x), y, rtol=0, atol=0)
    g = draw(copies, *y.shape, seed=1).to(y)
    gradients = vjp_fn(g)
    for upstream, gradient in zip(g, gradients, strict=True):
        (of_graph,) = torch.autograd.grad(expected, leaf, upstream, retain_graph=True)
        torch.testing.assert_close(gradient, of_graph, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(vjp_fn(g[0]), gradients[0])  # the axis of several gradients may be left out


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(6, 3).double(),
        nn.Tanh(),
        nn.ReLU(inplace=True),
        nn.Identity(),
        nn.Sequential(nn.Tanh(), nn.Sequential(nn.Linear(6, 6).double(), nn.ReLU())),
        DivideLayer(255.0),
        ClipLayer(torch.full((6,), -0.5), torch.full((6,), 0.25)),
        RescaleLayer(torch.arange(6) - 3.0, torch.arange(6) + 1.0),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_each_layer(layer):
    x = draw(5, 6)
    before = x.clone()
    assert_pulls_as_a_graph(Chain(layer), x)
    assert torch.equal(x, before)


def test_pictures_with_their_channels_last():
    net = nn.Sequential(nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 5, 2)).double()
    assert_pulls_as_a_graph(Chain(PermuteLayer((0, 3, 1, 2)), DivideLayer(255.0), net), draw(2, 5, 6, 3))


@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
    height=st.integers(6, 15),
    width=st.integers(6, 15),
    seed=st.integers(0, 2**16),
)
@quick
def test_convolutions(kernel, stride, padding, height, width, seed):
    torch.manual_seed(seed)
    net = nn.Conv2d(2, 3, kernel, stride, padding).double()
    assert_pulls_as_a_graph(Chain(net), draw(2, 2, height, width, seed=seed))


@pytest.mark.parametrize(
    "more", [{"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"padding_mode": "circular", "padding": 1}]
)
def test_convolutions_of_other_kinds(more):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, **more), nn.Tanh()).double()
    x, chain = draw(2, 2, 9, 9), Chain(net)
    torch.testing.assert_close(chain(x), net(x))
    assert (chain.plan() is not None) == ("dilation" in more or "groups" in more)
    if chain.plan() is not None:
        assert_pulls_as_a_graph(chain, x)


def test_blocks_are_the_general_way_back():
    net = nn.Conv2d(4, 8, 8, 4).double()
    g = draw(3, 8, 20, 20)
    general = torch.nn.grad.conv2d_input((3, 4, 84, 84), net.weight, g, 4)
    torch.testing.assert_close(convolution_vjp(net, (3, 4, 84, 84), g), general)


def test_normalization_and_its_limits():
    normalization = Normalization(draw(4), draw(4).abs() + 0.1, torch.tensor([1.0, 2.0, torch.inf, 0.5]).double())
    x = draw(6, 4, seed=2).requires_grad_()
    g = draw(6, 4, seed=3)
    (expected,) = torch.autograd.grad(normalization.apply(x), x, g)
    assert (expected == 0).any(), "some entries are clipped"
    torch.testing.assert_close(normalization.vjp(x.detach(), g), expected)


class TestOfPolicies:
    def policy_of(self, net, **more):
        space = Box(-torch.inf, torch.inf, (4,))
        return rltools.TorchPolicy(net, space, Discrete(3), dtype=torch.float64, **more)

    def net(self, activation=nn.Tanh):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 3)).double()

    @pytest.mark.parametrize("activation", [nn.Mish, nn.Dropout])
    def test_unknown_layers_have_no_way_back(self, activation):
        assert outputs_and_vjp(self.policy_of(self.net(activation)), "logit", draw(2, 4), Context()) is None

    def test_what_is_hooked_is_called(self):
        net, calls = self.net(), []
        policy = self.policy_of(net)
        handle = net[1].register_forward_hook(lambda *args: calls.append(args))
        assert outputs_and_vjp(policy, "logit", draw(2, 4), Context()) is None
        make_target_function(policy, parse_target("logit:0", policy), Context()).gradients(draw(2, 4))
        assert calls
        handle.remove()
        assert outputs_and_vjp(policy, "logit", draw(2, 4), Context()) is not None

    def test_a_class_derived_from_a_known_layer_is_not_known(self):
        class Doubled(nn.Linear):
            def forward(self, x):
                return 2 * super().forward(x)

        net = nn.Sequential(Doubled(4, 3)).double()
        assert outputs_and_vjp(self.policy_of(net), "logit", draw(2, 4), Context()) is None

    @pytest.mark.parametrize(
        "target",
        [
            *("logit:chosen", "logit:1", "logit:all", "centered:chosen", "centered:all", "entropy"),
            *("log_probability:chosen", "probability:all", "logit:chosen - runner_up", "centered:chosen & entropy"),
        ],
    )
    def test_targets_against_a_graph(self, target):
        policy = self.policy_of(self.net())
        x, action, scores = draw(5, 2, 4), torch.tensor([0, 1, 2, 2, 0]), draw(5, 3)
        score = make_target_function(policy, parse_target(target, policy), Context(action=action, scores=scores))
        gradients = score.gradients(x)
        leaf = x.clone().requires_grad_()
        outputs = score(leaf)
        assert gradients.shape == (score.outputs, *x.shape)
        for position in range(score.outputs):
            (expected,) = torch.autograd.grad(outputs[..., position].sum(), leaf, retain_graph=True)
            torch.testing.assert_close(gradients[position], expected)

    def test_masks(self):
        policy = self.policy_of(self.net(), masked=True)
        mask = torch.tensor([[True, True, False], [True, False, True]])
        context = Context(action=torch.tensor([0, 2]), scores=draw(2, 3), mask=mask)
        score = make_target_function(policy, parse_target("centered:chosen", policy), context)
        x = draw(2, 4).requires_grad_()
        (expected,) = torch.autograd.grad(score(x).sum(), x)
        torch.testing.assert_close(score.gradients(x)[0], expected)

    def test_parameters_that_were_changed_are_used(self):
        net = self.net()
        policy, x = self.policy_of(net), draw(2, 4)
        score = make_target_function(policy, parse_target("logit:0", policy), Context())
        before = score.gradients(x)
        with torch.no_grad():
            net[0].weight.mul_(2)
        assert not torch.allclose(score.gradients(x), before)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("lunarlander-ppo", "value"),
        ("lunarlander-dqn", "q_value:all"),
        ("pendulum-sac", "action:all"),
        ("hopper-ppo", "action:all"),
        ("lavagap-cnn-ppo", "logit:all"),
    ],
)
def test_reference_agents_against_a_graph(name, target):
    policy = rltools.load_policy(name)
    x = policy.encode(rltools.record(policy, episodes=1, max_steps=30).episode(0).observations[::10])
    score = make_target_function(policy, parse_target(target, policy), Context())
    assert outputs_and_vjp(policy, target.partition(":")[0], x, Context()) is not None
    leaf = x.clone().requires_grad_()
    outputs = score(leaf)
    for position, gradients in enumerate(score.gradients(x)):
        (expected,) = torch.autograd.grad(outputs[:, position].sum(), leaf, retain_graph=True)
        torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-6)
    assert score.gradients(x).any()  # of some actions; others may be at their bounds
