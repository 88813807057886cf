import gymnasium
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from hypothesis import given, settings
from torch import nn
from torch.nn import functional

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.targets import make_target_function, parse_target
from rltools.testing import PlainFunction

quick = settings(deadline=None, max_examples=15)
grad_cam = find_method("grad_cam")


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def cnn(seed=0, activation=nn.ReLU):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(2, 3, 2), activation(), nn.Conv2d(3, 4, 2), activation(), nn.Flatten(), nn.Linear(4 * 6, 2)]
    return nn.Sequential(*layers).double()


def pictures(net, outputs=2):
    return PlainFunction(net, outputs, dims=("channel", "y", "x"))


def around(net, function, dims=("channel", "y", "x")):
    """A score that does more than its network."""

    class Around(PlainFunction):
        network = net

    return Around(function, 2, dims=dims)


def hooks(net):
    return [hook for part in net.modules() for hook in (*part._forward_hooks, *part._forward_pre_hooks)]


class TestValues:
    @given(seed=st.integers(0, 2**16), batch=st.integers(1, 4))
    @quick
    def test_by_hand(self, seed, batch):
        net, x = cnn(seed), draw(batch, 2, 4, 5, seed=seed)
        result = grad_cam(pictures(net), x).values
        maps = net[:3](x).detach().requires_grad_()  # 2 by 3 places
        for target in range(2):
            (slopes,) = torch.autograd.grad(net[3:](maps)[:, target].sum(), maps)
            cam = sum(slopes[:, c].mean((1, 2))[:, None, None] * maps[:, c] for c in range(4)).detach()
            large = functional.interpolate(cam[:, None], (4, 5), mode="bilinear")[:, 0]
            torch.testing.assert_close(result[:, target].sum(1), large)
            assert torch.equal(result[:, target, 0], result[:, target, 1])

    def test_where_one_place_counts(self):
        """A filter of ones and a head that reads one place: the map is the state itself, weighted by 1 of 9."""
        convolution = nn.Conv2d(1, 1, 1, bias=False)
        head = nn.Linear(9, 1, bias=False)
        net = nn.Sequential(convolution, nn.Flatten(), head).double()
        with torch.no_grad():
            convolution.weight.fill_(1)
            head.weight.zero_()[0, 4] = 1
        x = draw(2, 1, 3, 3)
        torch.testing.assert_close(grad_cam(pictures(net, 1), x).values[:, 0], x / 9)

    def test_channels_last(self):
        net = cnn()
        last = around(net, lambda x: net(x.permute(0, 3, 1, 2)), dims=("y", "x", "channel"))
        x = draw(3, 2, 4, 5)
        result = grad_cam(last, x.permute(0, 2, 3, 1)).values.permute(0, 1, 4, 2, 3)
        torch.testing.assert_close(result, grad_cam(pictures(net), x).values)

    def test_positive_is_what_is_left_of_it(self):
        net, x = cnn(activation=nn.Tanh), draw(3, 2, 4, 5)
        signed = grad_cam(pictures(net), x).values
        positive = grad_cam(pictures(net), x, positive=True).values
        assert (signed < 0).any()
        assert (positive >= 0).all()
        assert (positive > 0).any()

    def test_an_activation_in_place_changes_nothing(self):
        x = draw(3, 2, 4, 5)
        plain, written = cnn(), cnn(activation=lambda: nn.ReLU(inplace=True))
        assert torch.equal(grad_cam(pictures(plain), x).values, grad_cam(pictures(written), x).values)

    def test_a_target_that_no_map_feeds_is_zero(self):
        net = cnn()
        score = around(net, lambda x: torch.stack([net(x)[:, 0], x.flatten(1).sum(1)], 1))
        result = grad_cam(score, draw(2, 2, 4, 5)).values
        assert result[:, 0].any()
        assert not result[:, 1].any()

    def test_no_rows(self):
        assert grad_cam(pictures(cnn()), draw(0, 2, 4, 5)).values.shape == (0, 2, 2, 4, 5)


class TestLayers:
    def test_by_name(self):
        net, x = cnn(), draw(2, 2, 4, 5)
        assert torch.equal(grad_cam(pictures(net), x, layer="2").values, grad_cam(pictures(net), x).values)
        assert not torch.equal(grad_cam(pictures(net), x, layer="0").values, grad_cam(pictures(net), x).values)

    def test_the_last_that_takes_part(self):
        class TwoTowers(nn.Module):
            def __init__(self):
                super().__init__()
                self.actor, self.critic = cnn(1), cnn(2)

            def forward(self, x):
                result = self.actor(x)
                self.critic(x)
                return result

        net, x = TwoTowers(), draw(2, 2, 4, 5)
        assert torch.equal(grad_cam(pictures(net), x).values, grad_cam(pictures(net.actor), x).values)
        with pytest.raises(
            ArgumentError, match=r"the layer 'critic\.2' does not take part .* are actor\.0, actor\.2, cr"
        ):
            grad_cam(pictures(net), x, layer="critic.2")

    def test_one_place_says_nothing_of_where(self):
        torch.manual_seed(0)
        layers = [nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 4, (3, 4)), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)]
        net, x = nn.Sequential(*layers).double(), draw(2, 2, 4, 5)
        assert torch.equal(grad_cam(pictures(net), x).values, grad_cam(pictures(net), x, layer="0").values)
        alone = grad_cam(pictures(net), x, layer="2").values
        torch.testing.assert_close(alone, alone[..., :1, :1].expand_as(alone))

    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            ("conv", "no layer 'conv'; its convolutions are 0, 2"),
            ("5", r"gives \[2, 2\] for 2 images.*: 0, 2"),
        ],
    )
    def test_wrong_names(self, layer, message):
        net = cnn()
        with pytest.raises(ArgumentError, match=message):
            grad_cam(pictures(net), draw(2, 2, 4, 5), layer=layer)
        assert not hooks(net)

    def test_one_that_is_called_twice(self):
        net = cnn()
        with pytest.raises(ArgumentError, match="'2' is called 2 times for one score"):
            grad_cam(around(net, lambda x: net(x) + net(2 * x)), draw(2, 2, 4, 5))


class TestRefusals:
    def test_vectors(self):
        with pytest.raises(ArgumentError, match="one image with axes y and x, and these have the axes feature"):
            grad_cam(PlainFunction(nn.Linear(3, 2).double(), 2), draw(2, 3))

    def test_functions(self):
        with pytest.raises(ArgumentError, match="a plain function"):
            grad_cam(pictures(lambda x: x.flatten(1)[:, :2]), draw(2, 2, 4, 5))

    def test_no_convolution(self):
        net = nn.Sequential(nn.Flatten(), nn.Linear(40, 2)).double()
        with pytest.raises(ArgumentError, match=r"no convolution with more than .* part in this score; .* are none"):
            grad_cam(pictures(net), draw(2, 2, 4, 5))


class TestNothingIsLeft:
    def test_of_a_call(self):
        net = cnn()
        grad_cam(pictures(net), draw(2, 2, 4, 5))
        assert not hooks(net)
        assert all(parameter.grad is None for parameter in net.parameters())

    def test_of_a_call_that_failed(self):
        net = cnn()
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            grad_cam(pictures(net), draw(2, 2, 7, 9))
        assert not hooks(net)


class Pictures(gymnasium.Env):
    observation_space = Box(0, 255, (40, 44, 3), np.uint8)
    action_space = Discrete(3)


@pytest.mark.parametrize("shared", [True, False])
def test_a_policy_of_stable_baselines(shared):
    """Images with channels last, in 0..255, and features extractors of its own for the critic."""
    from stable_baselines3.common.policies import ActorCriticCnnPolicy

    torch.manual_seed(0)
    env = Pictures()
    space = Box(0, 255, (3, 40, 44), np.uint8)
    network = ActorCriticCnnPolicy(
        space,
        env.action_space,
        lambda _: 0.0,
        share_features_extractor=shared,
        features_extractor_kwargs={"features_dim": 8},
    )
    policy = load_policy(network, env=env)
    states = np.random.default_rng(0).integers(0, 256, (2, 40, 44, 3), np.uint8)
    x = policy.encode(states)
    for target in ("centered:all", "value"):
        result = grad_cam(make_target_function(policy, parse_target(target, policy), Context()), x).values
        extractor = network.pi_features_extractor if target != "value" else network.vf_features_extractor
        maps = extractor.cnn[:5](x.permute(0, 3, 1, 2) / 255).detach().requires_grad_()
        features = extractor.linear(extractor.cnn[5:](maps))
        if target == "value":
            outputs = network.value_net(network.mlp_extractor.forward_critic(features))
        else:
            logits = network.action_net(network.mlp_extractor.forward_actor(features))
            outputs = logits - logits.mean(1, keepdim=True)
        for place in range(outputs.shape[1]):
            (slopes,) = torch.autograd.grad(outputs[:, place].sum(), maps, retain_graph=True)
            cam = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).detach()
            expected = functional.interpolate(cam, (40, 44), mode="bilinear")[:, 0]
            torch.testing.assert_close(result[:, place].sum(3), expected, rtol=1e-4, atol=1e-7)
    assert not hooks(network)
    assert not [parameter for parameter in network.parameters() if parameter.grad is not None]
