"""`groups="card"`: what the environment groups is explained and hidden together."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

import rltools
from rltools.errors import ArgumentError


class Grouped(gymnasium.Env):
    """Three numbers, of which two are grouped."""

    observation_space, action_space = Box(-9, 9, (3,), np.float32), Discrete(2)
    feature_names = ("x", "y", "angle")
    feature_groups = {"pose": ["x", "angle"]}  # noqa: RUF012

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action):
        self.steps += 1
        return self.np_random.normal(size=3).astype(np.float32), float(action), False, self.steps == 6, {}


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return rltools.TorchPolicy(torch.nn.Linear(3, 2), Grouped)


@pytest.fixture(scope="module")
def recording(policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grouped") / "run"
    recording = rltools.record(policy, episodes=2, directory=folder)
    return rltools.explain(recording, policy, method="shapley", groups="card", references=4)


def test_a_recording_keeps_the_groups(policy, recording):
    spec = recording.spec(recording.find())
    assert spec.parameters["groups"] == {"pose": ["x", "angle"]}
    assert [name for name, _ in spec.rows(recording.features)] == ["pose", "y"]
    again = rltools.open_recording(recording.directory)
    assert again.features.named_groups == (("pose", ("x", "angle")),)
    assert again.features.origins[0] == "the environment's feature_names"
    assert len(rltools.explain(again, policy, method="shapley", groups="card", references=4).specs) == 1


def test_a_finding_is_about_the_group(recording):
    assert {feature.feature for feature in rltools.summarize(recording).top()} == {"pose", "y"}


def test_it_is_the_same_as_writing_the_groups(policy, recording):
    x = recording.episode(0).observations
    by_card = rltools.attribute(policy, x, method="shapley", groups="card", references=x)
    written = rltools.attribute(policy, x, method="shapley", groups={"pose": ["x", "angle"]}, references=x)
    assert np.array_equal(by_card.values, written.values)


def test_the_group_is_hidden_together(policy, recording):
    ablation = rltools.ablate(policy, recording, Grouped, groups="card", seeds=2, second=None)
    assert ablation.players == ("pose", "y")
    assert ablation.spec.groups == {"pose": ["x", "angle"]}


def test_features_without_groups_are_told(recording):
    policy = rltools.TorchPolicy(torch.nn.Linear(4, 2), "CartPole-v1")
    with pytest.raises(ArgumentError, match="neither a card nor the environment groups its features"):
        rltools.attribute(policy, np.zeros((1, 4), np.float32), method="shapley", groups="card")
