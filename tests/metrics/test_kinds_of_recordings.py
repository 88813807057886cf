"""Metrics on recordings of every kind: other spaces, other policies, little data; and what is refused, in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rltools
from rltools.errors import ArgumentError, MismatchError, RecordingError, UnknownNameError
from rltools.metrics import assess_recorded, assessments, find_metric
from rltools.testing import example_recording

KINDS = {
    "minigrid-dict-ppo": {"method": "gradient"},
    "cartpole-recurrent-ppo": {"method": "gradient", "window": 3},
    "taxi-masked-ppo": {"method": "decision_change", "groups": "variables", "references": 2},
    "pendulum-sac": {"method": "shapley", "references": 4},
    "hopper-ppo": {"method": "gradient", "units": "network"},
}


@pytest.mark.parametrize("agent", KINDS)
def test_every_kind_of_observation_and_action(agent, tmp_path):
    policy = rltools.load_policy(agent)
    recording = rltools.record(policy, episodes=2, max_steps=40, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, **KINDS[agent])
    before = policy.source.sha256
    result = assessments(recording, policy, steps=24 if agent == "minigrid-dict-ppo" else 6)
    assert policy.source.sha256 == before
    left_out = {each.metric: each.reason for each in result.left_out}
    of_losses = {"captured_loss", "deletion", "insertion", "loss_concordance", "resolved_pairs"}
    assert of_losses <= set(left_out)
    rows = {row.metric: row for row in result.rows}
    assert {"aim", "aum", "pgi", "pgu", "cascading_randomization", "noise_stability"} <= set(rows)
    for row in rows.values():
        metric = find_metric(row.metric)
        assert metric.low <= row.value <= metric.high
        assert np.isfinite(row.random)
    assert rows["cascading_randomization"].value < 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"metrics": "concordanse"}, UnknownNameError, "no metric 'concordanse'"),
        ({"metrics": []}, ArgumentError, "metrics is empty"),
        ({"level": 1.0}, ArgumentError, "level=1.0"),
        ({"steps": 0}, ArgumentError, "steps is 0"),
        ({"seed": -1}, ArgumentError, "seed is -1"),
        ({"policy": "sides"}, ArgumentError, "policy is a str; make it a policy"),
        ({"method": "occlusion"}, RecordingError, "no occlusion in"),
        ({"target": "value"}, RecordingError, "no value in"),
        ({"ablation": "none"}, UnknownNameError, "no ablation 'none'"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(measured, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        assessments(measured, **arguments)
    assert "\n" not in str(caught.value)


def test_another_policy_is_refused(measured, make_policy, Sides):
    with pytest.raises(MismatchError, match="is not the policy that was recorded"):
        assessments(measured, make_policy(Sides), "aim")


def test_without_attributions_there_is_nothing_to_judge(sides, Sides, tmp_path):
    recording = rltools.record(sides, Sides, episodes=1, directory=tmp_path / "run")
    assert assess_recorded(recording) == ()
    with pytest.raises(RecordingError, match=r"no attribution in .*; add one with rltools.explain"):
        assessments(recording)


def test_an_attribution_of_some_episodes_is_left_out(sides, Sides, tmp_path):
    recording = rltools.record(sides, Sides, episodes=1, directory=tmp_path / "run")
    rltools.explain(recording, sides, method="shapley", references=8)
    recording = rltools.record(sides, Sides, episodes=2, directory=tmp_path / "run")
    result = assessments(recording, sides)
    assert result.rows == ()
    assert result.left_out_text == (
        "Left out: every metric of shapley of centered:chosen: not every episode is explained."
    )


def test_one_feature_has_no_order(tmp_path, additive):
    recording = example_recording(tmp_path, [np.random.default_rng(0).normal(size=(8, 1, 1))] * 2, unit="score")
    text = assessments(recording, ablation=additive([3.0])).left_out_text
    assert "the loss of 1 feature was measured, which has no order" in text


def test_losses_that_tell_nothing_are_said(tmp_path, additive, ablation_of):
    recording = example_recording(tmp_path, [np.random.default_rng(0).normal(size=(8, 1, 3))] * 3, unit="score")
    result = assessments(recording, ablation=additive([-5.0, -1.0, -3.0]))
    assert "captured_loss: no feature is needed: no measured loss is above 0" in result.left_out_text
    assert [row.metric for row in result.rows] == ["loss_concordance", "resolved_pairs"]
    one_seed = ablation_of({(): 9.0, (0,): 5.0, (1,): 4.0, (2,): 3.0}, 3)
    assert "resolved_pairs: no two losses differ" in assessments(recording, ablation=one_seed).left_out_text
    equal = ablation_of({(): [9, 9], (0,): [5, 5], (1,): [5, 5], (2,): [5, 5]}, 3)
    assert "loss_concordance: it has no value here" in assessments(recording, ablation=equal).left_out_text
    part = ablation_of({(): [9, 8, 7], (0,): [5, 4, 6], (1,): [7, 7, 6], (2,): [np.nan] * 3}, 3)
    (row,) = assessments(recording, None, "loss_concordance", ablation=part).rows
    assert row.n == 2


def test_a_step_without_values_does_not_count(tmp_path, additive):
    values = [np.random.default_rng(0).normal(size=(8, 1, 3)) for _ in range(3)]
    values[0][::2] = np.nan
    recording = example_recording(tmp_path / "some", values, unit="score")
    assert len(assess_recorded(recording, ablation=additive([3.0, 2.0, 1.0]))) == 3
    nothing = example_recording(tmp_path / "none", [np.full((8, 1, 3), np.nan)] * 2, unit="score")
    text = assessments(nothing, ablation=additive([3.0, 2.0, 1.0])).left_out_text
    assert text.count("no step was explained") == 1


def test_a_plain_function_has_no_weights(Sides, tmp_path):
    space = Sides.observation_space, Sides.action_space
    policy = rltools.TorchPolicy(lambda x: torch.stack([x[:, 3], -x[:, 3]], dim=1), *space, name="plain")
    recording = rltools.record(policy, Sides, episodes=2, directory=tmp_path / "run")
    recording = rltools.explain(recording, policy, method="gradient")
    result = assessments(recording, policy, ["cascading_randomization", "pgi"], steps=8)
    assert [row.metric for row in result.rows] == ["pgi"]
    assert "plain is a plain function, whose weights cannot be drawn anew" in result.left_out_text


def test_a_recording_without_steps_is_said(sides, tmp_path):
    recording = example_recording(tmp_path, [np.zeros((0, 1, 4))] * 2, unit="score", method="shapley")
    result = assessments(recording, sides, ["pgi", "completeness"])
    assert result.rows == ()
    assert "pgi: there is no step to explain again" in result.left_out_text
