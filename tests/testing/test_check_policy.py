import dataclasses

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.errors import GradientError, MismatchError
from rltools.testing import check_policy

STATES = Box(-5, 5, (4,), np.float32)
IMAGES = Box(0, 255, (6, 6, 3), np.uint8)


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.top = nn.Conv2d(3, 4, 3), nn.Linear(64, 3)

    def forward(self, x):
        return self.top(torch.relu(self.convolution(x.permute(0, 3, 1, 2) / 255)).flatten(1))


class Noisy(nn.Module):
    """With everything that is off in eval mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(8, 3)
        )

    def forward(self, x):
        return self.layers(x)


def two_layers(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("module", "observed", "acted"),
    [
        (two_layers(), STATES, Discrete(3)),
        (two_layers(), STATES, Discrete(3, start=5)),
        (two_layers(), Box(-np.inf, np.inf, (4,), np.float64), Discrete(3)),
        (two_layers(), Box(-3.4e38, 3.4e38, (4,), np.float32), Box(-1, 1, (3,), np.float32)),
        (two_layers(), STATES, Box(-0.1, 0.1, (3, 1), np.float64)),
        (two_layers(1), Box(-5, 5, (4,), np.int64), Box(-2, 2, (1,))),
        (Noisy(), STATES, Discrete(3)),
        (Pixels(), IMAGES, Discrete(3)),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_policies_around_modules(module, observed, acted, dtype, seed):
    check_policy(rltools.TorchPolicy(module.to(dtype), observed, acted, dtype=dtype), seed=seed)


def test_several_heads():
    net, value = two_layers(), two_layers(1)
    heads = {"q_value": net, "value": value, "logit": lambda x: net(x) * 2}
    check_policy(rltools.TorchPolicy(nn.ModuleList([net, value]), STATES, Discrete(3), heads))


def test_an_agent_in_its_environment():
    policy = rltools.load_policy("cartpole-ppo")
    check_policy(policy, "CartPole-v1")
    check_policy(policy)
    with pytest.raises(MismatchError):
        check_policy(policy, "Acrobot-v1")


class Altered(rltools.TorchPolicy):
    """A policy with one method replaced."""

    def __init__(self, name, replacement, **options):
        super().__init__(two_layers(), STATES, options.pop("acted", Discrete(3)), **options)
        original = getattr(self, name)
        setattr(self, name, lambda *arguments, **named: replacement(self, original, *arguments, **named))


def wrong_slope(policy, original, name, x, context):
    return original(name, x.detach() + (x - x.detach()) * 1.5, context)


def detached(policy, original, name, x, context):
    return original(name, x.detach(), context)


def of_the_batch(policy, original, name, x, context):
    scores = original(name, x, context)
    return scores - scores.mean(0)


def random_scores(policy, original, name, x, context):
    return original(name, x, context) + torch.randn(len(x), 3)


def one_score_too_many(policy, original, name, x, context):
    return torch.cat([original(name, x, context)] * 2, dim=1)


def doubled(policy, original, name, x, context):
    return original(name, x, context).double()


def training(policy, original, name, x, context):
    policy._modules[0].eval()
    return original(name, x, context)


def with_gradients(policy, original, name, x, context):
    with torch.enable_grad():
        original(name, x.detach(), context).sum().backward()
    return original(name, x, context)


def learning(policy, original, name, x, context):
    with torch.no_grad():
        policy._modules[1].bias.add_(1e-6)
    return original(name, x, context)


def sharing(policy, original, observations):
    return torch.from_numpy(observations)


def squared(policy, original, observations):
    return original(observations)[:, None]


def precise(policy, original, observations):
    return original(observations).double()


def unsuspecting(policy, original, observations):
    return original(observations[..., :4].reshape(-1, 4))


def second_best(policy, original, scores, **options):
    return scores.argsort(1)[:, -2].numpy()


def beyond(policy, original, scores, **options):
    return original(scores, **options) + 7


def narrow(policy, original, scores, **options):
    return original(scores, **options).astype(np.int32)


def without_context(policy, original, observations, context, **options):
    return dataclasses.replace(original(observations, context, **options), context=context)


def other_scores(policy, original, observations, context, **options):
    acted = original(observations, context, **options)
    return dataclasses.replace(acted, scores=acted.scores + 1)


def as_sent(policy, original, observations, context, **options):
    acted = original(observations, context, **options)
    return dataclasses.replace(acted, context=dataclasses.replace(acted.context, action=acted.context.action + 1))


@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [
        ("head", wrong_slope, "the gradient of the logit head differs from finite differences"),
        ("head", of_the_batch, "rows one at a time"),
        ("head", random_scores, "a second time"),
        ("head", one_score_too_many, r"the logit head gives shape \[6, 6\]; it must be \[6, 3\]"),
        ("head", doubled, "the logit head gives torch.float64 instead of torch.float32"),
        ("head", training, "train or eval mode"),
        ("head", with_gradients, r"leaves .grad on its parameters"),
        ("head", learning, "changes parameters"),
        ("encode", sharing, "shares its memory"),
        ("encode", squared, r"encode gives shape \[6, 1, 4\]"),
        ("encode", precise, "encode gives torch.float64"),
        ("encode", unsuspecting, "it must raise MismatchError"),
        ("choose", second_best, "does not choose the action of the highest score"),
        ("choose", beyond, "is not in Discrete"),
        ("choose", narrow, "actions are int32"),
        ("act", without_context, "the context's action or scores None"),
        ("act", other_scores, "the scores of act and those of the logit head"),
        ("act", as_sent, "as positions from 0"),
    ],
)
def test_what_breaks_the_contract_is_found(name, replacement, message):
    with pytest.raises(AssertionError, match=message):
        check_policy(Altered(name, replacement))


def test_a_head_that_is_not_differentiable():
    with pytest.raises(GradientError, match="does not depend on the input"):
        check_policy(Altered("head", detached))


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("heads", ("logit", "utility"), "are not all of"),
        ("heads", ("value", "logit"), "the first must decide"),
        ("heads", ("action",), "the deciding head is 'action' in Discrete"),
        ("action_names", ("a", "b"), "must be 3 different names"),
        ("action_names", ("a", "b", "b"), "must be 3 different names"),
        ("dtype", torch.float16, "dtype torch.float16"),
        ("source", rltools.policies.base.Source("x", "not a hash"), "'not a hash' must have 64 hexadecimal digits"),
    ],
)
def test_attributes(attribute, value, message):
    policy = rltools.TorchPolicy(two_layers(), STATES, Discrete(3))
    setattr(policy, attribute, value)
    with pytest.raises(AssertionError, match=message):
        check_policy(policy)


def test_modes_are_put_back():
    module = Noisy()
    module.layers[3].eval()
    modes = [part.training for part in module.modules()]
    check_policy(rltools.TorchPolicy(module, STATES, Discrete(3)))
    assert [part.training for part in module.modules()] == modes


def test_a_network_that_is_hidden_in_a_function():
    net = Noisy().train()
    policy = rltools.TorchPolicy(lambda x, hidden=(net,): hidden[0](x), STATES, Discrete(3))
    with pytest.raises(MismatchError, match="hidden in a function is not put into eval mode"):
        check_policy(policy, module=net)
