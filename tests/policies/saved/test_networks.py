"""Networks that are rebuilt from a state dict compute what the network did that it was taken from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, ModelError, UnknownNameError
from rltools.policies.saved.chains import find_layers
from rltools.policies.saved.memory import recurrent_state, state_size
from rltools.policies.saved.networks import ACTIVATIONS, activation_module, recurrent_module, sequential


def randomized(network: nn.Module) -> nn.Module:
    """A network whose normalizations do something, too."""
    generator = torch.Generator().manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.9 + 0.1)
    return network.eval()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_stands_between_the_layers(name: str) -> None:
    network = randomized(nn.Sequential(nn.Linear(3, 5), ACTIVATIONS[name](), nn.Linear(5, 2)))
    rebuilt, x = sequential(network.state_dict(), name), torch.randn(7, 3)
    assert torch.equal(rebuilt(x), network(x))
    assert not any(parameter.requires_grad for parameter in rebuilt.parameters())
    assert not rebuilt.training


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 2)),
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 2)),
        nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2, bias=False)),
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2)),
        nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2)),
        nn.Sequential(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 5)), nn.Tanh(), nn.Linear(5, 2)),
        nn.Linear(3, 2),
    ],
)
def test_numbers_say_where_the_activation_stands(network: nn.Module) -> None:
    randomized(network)
    x = torch.randn(7, 3)
    assert torch.equal(sequential(network.state_dict(), "tanh")(x), network(x))


def test_named_layers_and_lists_have_the_activation_after_the_normalization() -> None:
    network = nn.ModuleDict({"fc1": nn.Linear(3, 5), "norm": nn.LayerNorm(5), "fc2": nn.Linear(5, 2)})
    randomized(network)
    x = torch.randn(7, 3)
    expected = network["fc2"](torch.relu(network["norm"](network["fc1"](x))))
    assert torch.equal(sequential(network.state_dict(), "relu")(x), expected)
    layers = nn.ModuleList([nn.Linear(3, 5), nn.Linear(5, 2)])
    randomized(layers)
    assert torch.equal(sequential(layers.state_dict(), "relu", last="tanh")(x), layers[1](layers[0](x).relu()).tanh())


def test_convolutions() -> None:
    convolutions = nn.Conv2d(3, 4, 8, 4), nn.ReLU(), nn.Conv2d(4, 4, 4, 2), nn.ReLU()
    network, x = randomized(nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(64, 5))), torch.rand(2, 3, 44, 44)
    assert torch.equal(sequential(network.state_dict(), "relu", strides=(4, 2), input_shape=x.shape[1:])(x), network(x))


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        (lambda w: None, {"activation": "thanh"}, UnknownNameError, "did you mean tanh"),
        (lambda w: w.update(log_std=torch.zeros(2)), {}, ModelError, "log_std is no linear layer"),
        (lambda w: w.update({"2.weight": torch.zeros(2, 6)}), {}, ModelError, "do not fit together.*2: 6 -> linear"),
        (lambda w: w["0.bias"].fill_(torch.nan), {}, ModelError, r"0\.bias holds NaN or infinity"),
        (lambda w: w.clear(), {}, ModelError, "there are no layers"),
        (
            lambda w: w.update({"1.weight_ih_l0": torch.zeros(20, 5), "1.weight_hh_l0": torch.zeros(20, 5)}),
            {},
            ModelError,
            "1 is no linear layer",
        ),
    ],
)
def test_what_cannot_be_rebuilt_is_an_error(
    change: Callable[[dict[str, Tensor]], Any], arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    weights = dict(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).state_dict())
    change(weights)
    with pytest.raises(error, match=message):
        sequential(weights, **({"activation": "tanh"} | arguments))


@pytest.mark.parametrize(
    ("strides", "shape", "error", "message"),
    [
        (None, (3, 20, 20), ArgumentError, r"1 convolutions, 0: 3 -> convolution 4x4 -> 2.*strides="),
        ((1, 2), (3, 20, 20), ArgumentError, r"not \(1, 2\)"),
        ((3,), (3, 20, 20), ModelError, r"cannot take an image of shape \[3, 20, 20\].*give other strides="),
    ],
)
def test_strides_must_be_given_and_fit(strides: Any, shape: Any, error: type[Exception], message: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(162, 2))
    with pytest.raises(error, match=message):
        sequential(network.state_dict(), "relu", strides=strides, input_shape=shape)


def test_names_of_activations_in_any_form() -> None:
    for name in ("leaky_relu", "LeakyReLU", "leakyrelu", "nn.LeakyReLU"):
        assert isinstance(activation_module(name), nn.LeakyReLU)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_recurrent_layer_step_by_step(kind: type[nn.LSTM | nn.GRU], layers: int, has_bias: bool) -> None:
    network, critic = (kind(3, 5, layers, bias=has_bias).eval() for _ in range(2))
    actor_memory, critic_memory = (recurrent_module(find_layers(rnn.state_dict())[0][0]) for rnn in (network, critic))
    memory = recurrent_state(actor_memory, critic_memory)
    assert memory.size == 2 * state_size(actor_memory)
    steps, state = torch.randn(6, 4, 3), torch.zeros(4, memory.size)
    expected, expected_value = network(steps)[0], critic(steps)[0]
    for step in range(6):
        value = memory.recall("value", steps[step], state)
        assert torch.allclose(memory.recall("logit", steps[step], state), expected[step], atol=1e-6)
        output, state = memory.advance(steps[step], state)
        assert torch.allclose(output, expected[step], atol=1e-6)
        assert torch.allclose(value, expected_value[step], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"bidirectional": True}, {"bidirectional": True, "num_layers": 2}, {"proj_size": 2}]
)
def test_other_recurrent_layers_are_refused(options: dict[str, Any]) -> None:
    weights = nn.LSTM(3, 5, **options).state_dict()
    assert find_layers(weights) == ([], list(weights))
    with pytest.raises(ModelError, match=r"weight_ih_l0, .* no linear layer"):
        sequential(weights, "tanh")
