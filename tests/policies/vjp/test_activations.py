"""Activation functions and layer normalization without a graph, against calling their modules."""

import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.policies.base import Context
from rltools.policies.decide import outputs_and_vjp
from rltools.policies.vjp._activations import ACTIVATIONS
from rltools.policies.vjp._chain import Chain

MODULES = {
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "ReLU in place": lambda: nn.ReLU(inplace=True),
    "Sigmoid": nn.Sigmoid,
    "ELU": nn.ELU,
    "ELU of another alpha": lambda: nn.ELU(0.3),
    "ELU of a negative alpha": lambda: nn.ELU(-0.7),
    "ELU in place": lambda: nn.ELU(inplace=True),
    "SELU": nn.SELU,
    "SELU in place": lambda: nn.SELU(inplace=True),
    "SiLU": nn.SiLU,
    "SiLU in place": lambda: nn.SiLU(inplace=True),
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "LeakyReLU": nn.LeakyReLU,
    "LeakyReLU of another slope": lambda: nn.LeakyReLU(0.2, inplace=True),
    "Softplus": nn.Softplus,
    "Softplus of other settings": lambda: nn.Softplus(2.0, 5.0),
    "LayerNorm": lambda: filled(nn.LayerNorm(6)),
    "LayerNorm of a large eps": lambda: filled(nn.LayerNorm(6, eps=0.5)),
    "LayerNorm without a bias": lambda: filled(nn.LayerNorm(6, bias=False)),
    "LayerNorm without weights": lambda: nn.LayerNorm(6, elementwise_affine=False),
}
TOLERANCES = {torch.float64: {"rtol": 1e-12, "atol": 1e-14}, torch.float32: {"rtol": 2e-6, "atol": 5e-7}}


def filled(norm):
    generator = torch.Generator().manual_seed(3)
    for weight in norm.parameters():
        nn.init.normal_(weight, generator=generator)
    return norm


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def values(dtype):
    """`[batch, 6]`: around zero, at it and at thresholds, and where the functions are saturated."""
    rows = [[0.0, -0.0, 1e-8, -1e-8, 2.5, -2.5], [20.0, 20.5, -20.0, 10.0, 2.5001, -10.0]]
    rows += [[1e4, -1e4, 90.0, -90.0, 700.0, -700.0], [-30.0, -25.0, -17.0, -5.0, 9.0, 40.0]]
    return torch.cat([torch.tensor(rows, dtype=dtype), 3 * draw(9, 6, dtype=dtype)])


def assert_as_called(chain, x, g):
    """Outputs are the module's own to the last bit, and gradients `g [..., *y's shape]` go back as autograd's."""
    assert chain.plan() is not None
    (module,) = chain.parts
    before = x.clone()
    y, vjp_fn = chain.vjp(x)
    leaf = x.clone().requires_grad_()
    called = module(leaf.clone())
    assert torch.equal(y, called)
    assert torch.equal(chain(x), called)
    gradients = vjp_fn(g)
    lead = g.shape[: g.ndim - y.ndim]
    assert gradients.shape == (*lead, *x.shape)
    assert gradients.dtype == x.dtype
    each = [torch.autograd.grad(called, leaf, upstream, retain_graph=True)[0] for upstream in g.reshape(-1, *y.shape)]
    torch.testing.assert_close(gradients, torch.stack(each).reshape(gradients.shape), **TOLERANCES[x.dtype])
    assert torch.equal(x, before), "nothing is computed in place"


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", MODULES)
class TestOfEachLayer:
    @pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 3)], ids=str)
    def test_gradients_with_any_axes_before(self, name, dtype, lead):
        x = values(dtype)
        assert_as_called(Chain(MODULES[name]().to(dtype)), x, draw(*lead, *x.shape, dtype=dtype, seed=1))

    def test_of_many_rows_and_of_strides(self, name, dtype):
        """Torch has other code for many numbers, and for numbers that do not lie side by side."""
        x, g = draw(6, 700, dtype=dtype).T, draw(6, 2, 700, dtype=dtype, seed=1).permute(1, 2, 0)
        assert not x.is_contiguous()
        assert_as_called(Chain(MODULES[name]().to(dtype)), x, g)
        rows = x.contiguous()
        assert_as_called(Chain(MODULES[name]().to(dtype)), rows, torch.ones((), dtype=dtype).expand(2, *rows.shape))

    def test_of_images(self, name, dtype):
        x = draw(2, 3, 4, 6, dtype=dtype)
        assert_as_called(Chain(MODULES[name]().to(dtype)), x, draw(2, *x.shape, dtype=dtype, seed=1))

    def test_of_no_rows(self, name, dtype):
        y, vjp_fn = Chain(MODULES[name]().to(dtype)).vjp(torch.zeros(0, 6, dtype=dtype))
        assert y.shape == (0, 6)
        assert vjp_fn(torch.zeros(2, 0, 6, dtype=dtype)).shape == (2, 0, 6)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_normalization_over_all_axes_of_features(dtype):
    norm = filled(nn.LayerNorm((3, 4, 6))).to(dtype)
    x = draw(2, 3, 4, 6, dtype=dtype)
    assert_as_called(Chain(norm), x, draw(5, *x.shape, dtype=dtype, seed=1))


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (nn.ELU(), {"alpha": 0.4}),
        (nn.ELU(), {"alpha": 2.0, "inplace": True}),
        (nn.LeakyReLU(), {"negative_slope": -0.3}),
        (nn.GELU(), {"approximate": "tanh"}),
        (nn.Softplus(), {"beta": 0.5}),
        (nn.Softplus(), {"threshold": 0.1}),
        (filled(nn.LayerNorm(6)).double(), {"eps": 0.7}),
        (nn.LayerNorm(6, elementwise_affine=False), {"normalized_shape": (13, 6)}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else " ".join(value),
)
def test_settings_that_are_changed_afterwards(module, settings):
    chain, x = Chain(module), values(torch.float64)
    g = draw(2, *x.shape, seed=1)
    y, vjp_fn = chain.vjp(x)
    gradients = vjp_fn(g)
    for name, value in settings.items():
        setattr(module, name, value)
    assert torch.equal(vjp_fn(g), gradients), "what was computed before stays as it was"
    assert_as_called(chain, x, g)
    assert not torch.equal(chain(x), y), "the change matters"


def test_weights_of_a_normalization_that_are_changed_afterwards():
    norm = filled(nn.LayerNorm(6)).double()
    chain, x = Chain(norm), values(torch.float64)
    chain(x)
    norm.weight.data.mul_(2)
    assert_as_called(chain, x, draw(2, *x.shape, seed=1))
    norm.bias = None
    assert_as_called(chain, x, draw(2, *x.shape, seed=1))
    norm.weight = nn.Parameter(draw(6, seed=2))
    assert_as_called(chain, x, draw(2, *x.shape, seed=1))


@pytest.mark.parametrize("kind", [nn.Linear, nn.LayerNorm])
def test_a_weight_that_became_a_buffer(kind):
    module = (nn.Linear(6, 6) if kind is nn.Linear else nn.LayerNorm(6)).double()
    chain, x = Chain(module), draw(4, 6)
    chain(x)
    del module.weight
    module.register_buffer("weight", draw(*(6, 6) if kind is nn.Linear else (6,), seed=2))
    assert chain.vjp(x) is None
    assert torch.equal(chain(x), module(x))


def test_every_known_function_is_tested():
    assert set(ACTIVATIONS) <= {type(make()) for make in MODULES.values()}


@pytest.mark.parametrize("name", MODULES)
def test_of_policies(name):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), MODULES[name](), nn.Linear(6, 6), MODULES[name](), nn.Linear(6, 3))
    policy = rltools.TorchPolicy(net, Box(-torch.inf, torch.inf, (4,)), Discrete(3))
    states = draw(5, 4, dtype=torch.float32)
    assert outputs_and_vjp(policy, "logit", states, Context()) is not None
    attribution = rltools.attribute(policy, states.numpy(), target="logit:all")
    leaf = states.clone().requires_grad_()
    outputs = net(leaf)
    torch.testing.assert_close(torch.from_numpy(attribution.scores), outputs.detach(), rtol=1e-5, atol=1e-6)
    for action in range(3):
        (expected,) = torch.autograd.grad(outputs[:, action].sum(), leaf, retain_graph=True)
        torch.testing.assert_close(torch.from_numpy(attribution.values[:, action]), expected, rtol=1e-4, atol=1e-6)
