"""Layers are found by key and shape, in the order of the network, and networks side by side are told apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from rltools.policies.saved.chains import find_chains, find_layers, in_order


class Trunk(nn.Module):
    """Convolutions, a linear layer and two heads, as agents of Atari have them."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(4, 8, 8, 4), nn.ReLU(), nn.Conv2d(8, 8, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(648, 16)
        )
        self.actor, self.critic = nn.Linear(16, 6), nn.Linear(16, 1)


class Named(nn.Module):
    """Layers that are named one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.norm, self.fc2, self.fc_mu = nn.Linear(3, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.log_std = nn.Parameter(torch.zeros(2))


def lstm(*, layers: int = 1) -> nn.ModuleDict:
    return nn.ModuleDict({"encoder": nn.Linear(4, 8), "rnn": nn.LSTM(8, 6, layers), "head": nn.Linear(6, 2)})


def side_by_side(**networks: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict(networks)


def mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (mlp(4, 8, 2), ["{0,2}: 4 -> linear -> 8 -> linear -> 2"]),
        (mlp(4, 2), ["0: 4 -> linear -> 2"]),
        (nn.Linear(4, 2), ["4 -> linear -> 2"]),
        (
            side_by_side(actor=mlp(4, 8, 4), critic=mlp(4, 8, 1)),
            ["actor.{0,2}: 4 -> linear -> 8 -> linear -> 4", "critic.{0,2}: 4 -> linear -> 8 -> linear -> 1"],
        ),
        (
            side_by_side(q1=mlp(4, 4, 4), q2=mlp(4, 4, 4)),
            ["q1.{0,2}: 4 -> linear -> 4 -> linear -> 4", "q2.{0,2}: 4 -> linear -> 4 -> linear -> 4"],
        ),
        (
            Trunk(),
            [
                "network.{0,2,5}: 4 -> convolution 8x8 -> 8 -> convolution 4x4 -> 8 -> linear -> 16",
                "actor: 16 -> linear -> 6",
                "critic: 16 -> linear -> 1",
            ],
        ),
        (
            Named(),
            ["{fc1,norm,fc2,fc_mu}: 3 -> linear -> 8 -> layer norm -> 8 -> linear -> 8 -> linear -> 2"],
        ),
        (lstm(layers=2), ["{encoder,rnn,head}: 4 -> linear -> 8 -> LSTM -> 6 -> linear -> 2"]),
        (nn.GRU(4, 6), ["4 -> GRU -> 6"]),
        (nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)), ["{0,1}: 3 -> linear -> 5 -> batch norm -> 5"]),
        (nn.Sequential(mlp(4, 8, 6), mlp(6, 2)), ["{0.0,0.2,1.0}: 4 -> linear -> 8 -> linear -> 6 -> linear -> 2"]),
        (nn.PReLU(), []),
        (nn.Embedding(5, 3), ["3 -> linear -> 5"]),
    ],
)
def test_the_chains_of_a_network(network: nn.Module, expected: list[str]) -> None:
    assert [str(chain) for chain in find_chains(network.state_dict())] == expected


def test_numbers_count_as_numbers_whatever_the_order_of_a_file() -> None:
    weights = mlp(*[4] * 8, 2).state_dict()
    by_text = {key: weights[key] for key in sorted(weights)}
    assert [key for key in by_text if key.endswith("weight")][1] == "10.weight"
    (chain,) = find_chains(by_text)
    assert [layer.key for layer in chain.layers] == ["0", "2", "4", "6", "8", "10", "12", "14"]
    assert in_order(["b.10", "b.9", "a.1", "b"]) == ["b", "b.9", "b.10", "a.1"]


@pytest.mark.parametrize(
    "tensors",
    [
        {"a.weight": torch.zeros(3)[:0]},
        {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(3)},
        {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2, 1)},
        {"a.weight": torch.zeros(1, 1, 1, 1, 1)},
        {"a.weight_ih_l0": torch.zeros(8, 3)},
        {"a.weight_ih_l0": torch.zeros(8, 3), "a.weight_hh_l0": torch.zeros(7, 2)},
        {"a.weight_ih_l0": torch.zeros(8, 3), "a.weight_hh_l0": torch.zeros(8, 0)},
        {"a.running_mean": torch.zeros(3), "a.running_var": torch.zeros(3), "a.count": torch.zeros(())},
        {"a.running_mean": torch.zeros(3), "a.running_var": torch.zeros(2), "a.num_batches_tracked": torch.zeros(())},
        {"weights": torch.zeros(2, 3)},
        {"": torch.zeros(2, 3)},
    ],
)
def test_tensors_of_other_shapes_are_no_layers(tensors: dict[str, Tensor]) -> None:
    layers, others = find_layers(tensors)
    assert (layers, others) == ([], list(tensors))
