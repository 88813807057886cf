"""What an episode is shown by: the attribution of every step before one of a sample."""

from __future__ import annotations

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

import rltools
from rltools.errors import RecordingError
from rltools.pages.replay.page import _keys
from rltools.pages.replay.rows import rows_of
from rltools.recording import every_step_first
from rltools.spaces import space_features
from rltools.spaces.layout import Factor
from rltools.videos._episode import explained_of


@pytest.fixture
def sampled(make_env, make_policy, tmp_path):
    """Shapley values of one step in three, and gradients of every step."""
    env = make_env(length=8)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=2, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="shapley", references=8, every=3)
    rltools.explain(recording, policy, method="gradient", target="logit:chosen")
    return recording, policy


def method_of(recording, key):
    return recording.spec(key).method, recording.spec(key).target


def test_a_sample_of_the_best_predictor_is_behind_what_explains_every_step(sampled):
    recording, policy = sampled
    assert method_of(recording, recording.find()) == ("shapley", "centered:chosen")
    assert method_of(recording, every_step_first(recording)) == ("gradient", "logit:chosen")
    rltools.explain(recording, policy, method="gradient")
    rltools.explain(recording, policy, method="random")
    assert method_of(recording, every_step_first(recording)) == ("gradient", "centered:chosen"), "of the same target"
    assert method_of(recording, every_step_first(recording, target="centered:chosen")) == (
        "gradient",
        "centered:chosen",
    )
    rltools.explain(recording, policy, method="integrated_gradients", references=8)
    assert method_of(recording, every_step_first(recording))[0] == "integrated_gradients"


def test_what_is_asked_for_by_name_or_is_all_there_is_stays_first(sampled, tmp_path):
    recording, policy = sampled
    assert method_of(recording, every_step_first(recording, "shapley"))[0] == "shapley"
    with pytest.raises(RecordingError, match="no deep_lift"):
        every_step_first(recording, "deep_lift")
    other = rltools.record(policy, rltools_env(recording), episodes=1, directory=tmp_path / "other", max_steps=8)
    rltools.explain(other, policy, method="shapley", references=8, every=3)
    rltools.explain(other, policy, method="random")
    assert method_of(other, every_step_first(other))[0] == "shapley", "a control says nothing about the agent"


def rltools_env(recording):
    from gymnasium.spaces import Box

    class Still(gymnasium.Env):
        observation_space = Box(-1e6, 1e6, (3,), np.float32)
        action_space = Discrete(2)

        def reset(self, *, seed=None, options=None):
            return np.ones(3, np.float32), {}

        def step(self, action):
            return np.ones(3, np.float32), 0.0, False, False, {}

    return Still


def test_factors_are_not_given_up_for_a_method_that_explains_every_step(tmp_path):
    place = (Factor("row", ("top", "middle", "bottom")), Factor("column", ("left", "right")))
    features = dataclasses.replace(space_features(Discrete(6)), factors=(place,), choices=("cell",))
    net = torch.nn.Linear(6, 2, bias=False)
    policy = rltools.TorchPolicy(net, Discrete(6), Discrete(2), features=features)
    recording = rltools.record(policy, cells, episodes=2, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="shapley", references=8, groups="variables", every=2)
    rltools.explain(recording, policy, method="gradient")
    assert recording.spec(every_step_first(recording)).decoded
    assert [recording.spec(key).method for key in _keys(recording, None, None)] == ["shapley"]


def cells():
    class Cells(gymnasium.Env):
        observation_space, action_space = Discrete(6), Discrete(2)

        def reset(self, *, seed=None, options=None):
            self.left = 5
            return 0, {}

        def step(self, action):
            self.left -= 1
            return self.left, 0.0, self.left == 0, False, {}

    return Cells()


def test_a_replay_a_video_and_a_timeline_open_on_every_step(sampled):
    recording, _ = sampled
    assert [recording.spec(key).method for key in _keys(recording, None, None)] == ["gradient", "shapley"]
    explained = explained_of(recording, 0, rows_of(recording.features), None, None)
    assert (explained.target, explained.method) == ("the logit of the action taken", "gradient")
    assert explained.notes == ["units of the logit per standard deviation"]
    assert np.isfinite(explained.values).all()
    axes = rltools.plots.timeline(recording)
    message = "\n".join(text.get_text() for text in axes.figure.findobj(lambda part: hasattr(part, "get_text")))
    assert "gradient × std" in message
    assert "steps explained" not in message


def test_a_sample_that_is_asked_for_is_held_until_the_next_step_and_says_so(sampled):
    recording, _ = sampled
    explained = explained_of(recording, 1, rows_of(recording.features), "shapley", None)
    assert "1 of 3 steps explained, and held until the next" in explained.notes
    values = recording.attribution("shapley", episodes=[1]).values[:, 0]
    assert np.flatnonzero(np.isfinite(values).all(axis=1)).tolist() == [1, 4, 7]
    assert np.isnan(explained.values[:1]).all(), "before the first there is nothing to hold"
    for first, entries in ((1, (1, 2, 3)), (4, (4, 5, 6))):
        for step in entries:
            np.testing.assert_array_equal(explained.values[step], values[first].astype(np.float64))
            assert explained.scores[step] == recording.attribution("shapley", episodes=[1]).scores[first, 0]
    axes = rltools.plots.timeline(recording, 1, method="shapley")
    message = "\n".join(text.get_text() for text in axes.figure.findobj(lambda part: hasattr(part, "get_text")))
    assert "1 of 3 steps explained, and held until the next" in " ".join(message.split())
