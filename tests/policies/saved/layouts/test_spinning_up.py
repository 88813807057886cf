"""Agents of Spinning Up: modules of its networks, saved whole as its logger does, or as state dicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from rltools.errors import MismatchError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.policies.saved.layout import layouts
from rltools.policies.saved.rebuilt import Contents, Wanted

X = torch.tensor([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]])
PENDULUM = Wanted(Box(-8, 8, (3,)), Box(-2, 2, (1,)))


def mlp(*sizes: int, activation: type[nn.Module], last: type[nn.Module] = nn.Identity) -> nn.Sequential:
    """`spinup.algos.pytorch.*.core.mlp`."""
    layers: list[nn.Module] = []
    for index in range(len(sizes) - 1):
        function = activation if index < len(sizes) - 2 else last
        layers += [nn.Linear(sizes[index], sizes[index + 1]), function()]
    return nn.Sequential(*layers)


def agent(**networks: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Module()
    for name, network in networks.items():
        module.add_module(name, network)
    return module


def contents_of(module: nn.Module) -> Contents:
    return Contents(Path("model.pt"), "torch.save", module.state_dict(), {}, "0" * 64)


def test_the_logits_and_the_value_are_those_of_the_module_saved_whole(tmp_path: Path) -> None:
    actor, value = mlp(4, 8, 8, 2, activation=nn.Tanh), mlp(4, 8, 1, activation=nn.Tanh)
    (tmp_path / "pyt_save").mkdir()
    module = agent(pi=agent(logits_net=actor), v=agent(v_net=value))
    torch.save(module, tmp_path / "pyt_save" / "model.pt")
    policy = load_policy(tmp_path / "pyt_save" / "model.pt", "CartPole-v1")
    x = torch.full((1, 4), 0.5)
    assert policy.heads == ("logit", "value")
    assert torch.allclose(policy.head("logit", x, Context()), actor(x))
    assert torch.allclose(policy.head("value", x, Context()), value(x))
    with pytest.raises(MismatchError, match="4 inputs"):
        load_policy(tmp_path / "pyt_save" / "model.pt", "Pendulum-v1")


def test_a_gaussian_actor_has_its_mean_and_its_std() -> None:
    mean, log_std = mlp(3, 8, 1, activation=nn.Tanh), nn.Parameter(torch.tensor([-0.5]))
    pi = agent(mu_net=mean)
    pi.register_parameter("log_std", log_std)
    rebuilt = layouts()["spinning_up"].rebuild(contents_of(agent(pi=pi)), PENDULUM)
    assert torch.allclose(rebuilt.heads["mean"](X), mean(X))
    assert rebuilt.std is not None
    assert torch.allclose(rebuilt.std(X), log_std.exp().expand(2, 1))


def test_a_soft_actor_squashes_its_actions_and_has_the_lowest_of_its_critics() -> None:
    net, mean = mlp(3, 8, 8, activation=nn.ReLU, last=nn.ReLU), nn.Linear(8, 1)
    critics = [mlp(4, 8, 1, activation=nn.ReLU) for _ in range(2)]
    pi = agent(net=net, mu_layer=mean, log_std_layer=nn.Linear(8, 1))
    module = agent(pi=pi, q1=agent(q=critics[0]), q2=agent(q=critics[1]))
    rebuilt = layouts()["spinning_up"].rebuild(contents_of(module), PENDULUM)
    action = 2 * torch.tanh(mean(net(X)))
    joined = torch.cat([X, action], dim=1)
    assert torch.allclose(rebuilt.heads["action"](X), action)
    lowest = torch.minimum(critics[0](joined), critics[1](joined))
    assert torch.allclose(rebuilt.heads["q_value"](X, action), lowest)


def test_a_deterministic_actor_ends_in_tanh_though_no_weight_says_so() -> None:
    actor = mlp(3, 8, 8, 1, activation=nn.ReLU, last=nn.Tanh)
    module = agent(pi=agent(pi=actor), q=agent(q=mlp(4, 8, 1, activation=nn.ReLU)))
    rebuilt = layouts()["spinning_up"].rebuild(contents_of(module), PENDULUM)
    assert torch.allclose(rebuilt.heads["action"](X), 2 * actor(X))
    assert rebuilt.choose is not None
    assert np.allclose(rebuilt.choose(rebuilt.heads["mean"](X), True, None), 2 * actor(X).detach())


def test_an_actor_of_choices_is_refused_where_actions_are_continuous() -> None:
    module = agent(pi=agent(logits_net=mlp(3, 8, 2, activation=nn.Tanh)))
    with pytest.raises(MismatchError):
        layouts()["spinning_up"].rebuild(contents_of(module), PENDULUM)
    choices = Wanted(PENDULUM.observation_space, Discrete(2))
    assert list(layouts()["spinning_up"].rebuild(contents_of(module), choices).heads) == ["logit"]
