"""Weights are drawn anew layer by layer, in the order in which layers run, and come back bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rltools
from rltools.metrics import Case
from rltools.metrics._support.weights import draw_anew, layers_from_top, restored


class Unordered(nn.Module):
    """Registers its layers in another order than it calls them, has one that nothing uses, and closes over none."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 2)
        self.first = nn.Linear(4, 6)
        self.unused = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.full((6,), 2.0))

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)) * self.scale)


@pytest.fixture
def policy(Sides):
    torch.manual_seed(0)
    return rltools.TorchPolicy(Unordered(), Sides.observation_space, Sides.action_space, name="unordered")


@pytest.fixture
def case(policy, Sides, tmp_path):
    recording = rltools.record(policy, Sides, episodes=2, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="gradient")
    return Case(recording, recording.find(), policy, steps=10)


def test_layers_come_from_the_last_to_the_first(policy, case):
    net = policy.module
    layers = [layer.parameters for layer in layers_from_top(policy, case)]
    owners = [
        next(m for m in net.modules() if any(p is parts[0] for p in m.parameters(recurse=False))) for parts in layers
    ]
    assert [type(owner).__name__ for owner in owners] == ["Unordered", "Linear", "Linear"]
    assert owners[1] is net.last
    assert owners[2] is net.first


def test_drawn_weights_have_the_scale_of_the_trained_ones(policy, case):
    (first,) = (layer for layer in layers_from_top(policy, case) if layer.parameters[0] is policy.module.first.weight)
    before = first.before[0]
    with restored([first]):
        draws = []
        for seed in range(200):
            draw_anew(first, np.random.default_rng(seed))
            draws.append(first.parameters[0].detach().clone())
        assert not torch.equal(first.parameters[0], before)
    stacked = torch.stack(draws)
    assert stacked.mean() == pytest.approx(float(before.mean()), abs=0.02)
    assert stacked.std() == pytest.approx(float(before.std(correction=0)), rel=0.05)
    assert torch.equal(first.parameters[0], before)


def test_they_come_back_after_an_error(policy, case):
    layers = layers_from_top(policy, case)
    before, sha256 = [p.detach().clone() for p in policy.module.parameters()], policy.source.sha256

    def interrupted():
        with restored(layers):
            for layer in layers:
                draw_anew(layer, np.random.default_rng(0))
            assert policy.source.sha256 != sha256
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(torch.equal(*pair) for pair in zip(policy.module.parameters(), before, strict=True))
    assert policy.source.sha256 == sha256
    assert not any(module._forward_hooks for module in policy.module.modules())


def test_heads_that_run_another_module_are_refused(Sides, tmp_path):
    hidden, other = nn.Linear(4, 2), nn.Linear(4, 2)
    policy = rltools.TorchPolicy(
        other, Sides.observation_space, Sides.action_space, heads={"logit": hidden}, name="odd"
    )
    recording = rltools.explain(
        rltools.record(policy, Sides, episodes=2, directory=tmp_path / "run"), policy, method="gradient"
    )
    table = rltools.assess(recording, policy, "independent_randomization", steps=4)
    assert table.empty
    assert table.attrs["left_out"] == [
        "independent_randomization: no layer of the module of odd changes what its heads return"
    ]


def test_a_head_that_closes_over_its_module_is_changed_with_it(Sides, tmp_path):
    net = nn.Linear(4, 2)
    policy = rltools.TorchPolicy(
        net, Sides.observation_space, Sides.action_space, heads={"logit": lambda x: 2 * net(x)}, name="closure"
    )
    recording = rltools.explain(
        rltools.record(policy, Sides, episodes=2, directory=tmp_path / "run"), policy, method="gradient"
    )
    table = rltools.assess(recording, policy, "cascading_randomization", steps=8)
    assert table["value"][0] < 1


def test_a_policy_of_stable_baselines_stays_bit_by_bit(tmp_path):
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=12, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="gradient")
    before = {name: value.clone() for name, value in policy.module.state_dict().items()}
    acted = policy.act(recording.episode(0).observations, rltools.policies.base.Context()).scores
    case = Case(recording, recording.find(), policy, steps=8)
    assert len(layers_from_top(policy, case)) == 3  # the layers of the value are not among them
    rltools.assess(recording, policy, "cascading_randomization", steps=8)
    assert all(torch.equal(value, before[name]) for name, value in policy.module.state_dict().items())
    again = policy.act(recording.episode(0).observations, rltools.policies.base.Context()).scores
    assert (acted == again).all()
