"""Every metric of the folder: what it declares, and that it tells a known truth from controls."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools.metrics import MEANINGS, Question, assess_recorded, assessments, find_metric, metric_names

OF_LOSSES = ("captured_loss", "deletion", "insertion", "loss_concordance", "resolved_pairs")
BLIND = ("noise_stability", "redraw_stability")
"""Metrics that a map which ignores the observation passes perfectly."""


@pytest.fixture(scope="module")
def result(measured, sides):
    return assessments(measured, sides, steps=16)


def rows_of(result, metric):
    return {row.method: row for row in result.rows if row.metric == metric}


def test_every_file_of_the_room_is_a_metric_and_nothing_else():
    from rltools import metrics

    room = Path(metrics.__file__).parent
    files = {path.stem for path in room.glob("*.py")} - {"__init__"}
    assert files == set(metric_names())
    assert {path.name for path in room.iterdir() if path.is_dir()} - {"__pycache__"} == {"_support"}


@pytest.mark.parametrize("name", metric_names())
def test_a_metric_declares_what_tables_and_pages_show(name):
    metric = find_metric(name)
    assert metric.name == name
    assert metric.question in MEANINGS
    assert metric.description.endswith(".")
    assert metric.blind.endswith(".")
    assert any(character.isdigit() for character in metric.paper), "a paper has a year"
    assert metric.controls
    assert "random" in metric.controls


def test_every_question_has_its_meaning():
    assert set(MEANINGS) == set(Question)


@pytest.mark.parametrize("name", metric_names())
def test_values_and_controls_lie_in_the_declared_range(result, name):
    metric, rows = find_metric(name), rows_of(result, name)
    assert rows, result.left_out_text
    for row in rows.values():
        values = [row.value, row.random, row.std, row.constant, row.low, row.high]
        assert all(np.isnan(value) or metric.low <= value <= metric.high for value in values), row
        assert np.isnan(row.low) or row.low <= row.value <= row.high
        assert row.n > 0


@pytest.mark.parametrize("name", metric_names())
def test_no_control_is_better_than_the_best_method(result, name):
    metric, rows = find_metric(name), rows_of(result, name)
    best = max(metric.sign * row.value for row in rows.values() if not row.control)
    for row in rows.values():
        controls = [value for value in (row.random, row.std) if not np.isnan(value)]
        if name not in BLIND:
            assert not row.control or metric.sign * row.value <= best + 1e-9
            assert all(metric.sign * value <= best + 1e-9 for value in controls)


@pytest.mark.parametrize("name", OF_LOSSES)
def test_the_truth_is_perfect_by_measured_losses(result, name):
    rows = rows_of(result, name)
    assert rows["shapley"].value == pytest.approx(1, abs=1e-9)
    assert rows["gradient"].value == pytest.approx(1, abs=1e-9)
    assert rows["std"].value < 1
    assert rows["shapley"].replacement == "resample"


def test_what_separates_it_from_controls(result):
    exact = rows_of(result, "completeness")["shapley"]
    assert exact.value < 1e-5
    assert exact.separates
    assert rows_of(result, "cascading_randomization")["shapley"].separates
    perturbed = rows_of(result, "pgi")["shapley"]
    assert perturbed.value > perturbed.random
    for row in result.rows:
        if row.control or row.metric in BLIND:
            assert not row.separates, row
    assert "equal numbers" in rows_of(result, "noise_stability")["shapley"].verdict
    assert "equal numbers" in rows_of(result, "redraw_stability")["shapley"].verdict


def test_controls_do_not_depend_on_the_weights(result):
    for name in ("cascading_randomization", "independent_randomization"):
        rows = rows_of(result, name)
        assert {rows["random"].value, rows["std"].value} == {1.0}
        assert {row.random for row in rows.values()} == {1.0}
        assert rows["gradient"].value < 0.9


def test_what_was_left_out_is_said_once(result):
    assert {each.metric for each in result.left_out} == {"completeness", "redraw_stability"}
    assert result.left_out_text.count("\n") == 0
    assert "gradient of centered:chosen" in result.left_out_text


def test_it_is_deterministic_by_seed_and_leaves_the_policy_as_it_was(measured, sides, result):
    before = [parameter.detach().clone() for parameter in sides.module.parameters()]
    sha256 = sides.source.sha256
    drawn = ["pgi", "cascading_randomization", "redraw_stability", "noise_stability", "aim"]
    again = assessments(measured, sides, drawn, steps=16)
    before_rows = [repr(asdict(row)) for row in result.rows if row.metric in drawn]
    assert [repr(asdict(row)) for row in again.rows] == before_rows
    other = assessments(measured, sides, ["pgi", "cascading_randomization"], steps=16, seed=1)
    assert all(row.value != rows_of(result, row.metric)[row.method].value for row in other.rows if not row.control)
    assert all((now == then).all() for now, then in zip(sides.module.parameters(), before, strict=True))
    assert sides.source.sha256 == sha256


def test_without_the_policy_the_others_still_run(measured, result):
    rows = assess_recorded(measured)
    assert {row.metric for row in rows} == {*OF_LOSSES, "completeness"}
    same = {(row.metric, row.method): row.value for row in result.rows}
    assert all(row.value == same[row.metric, row.method] for row in rows)
    left_out = assessments(measured).left_out_text
    assert "aim" in left_out
    assert "give the agent that was recorded" in left_out


def test_the_table_has_a_column_for_each_attribute(measured):
    table = rltools.assess(measured, metrics="loss_concordance", method="shapley")
    assert len(table) == 1
    assert table["separates"].tolist() == [True]
    assert table.attrs["left_out"] == []
    assert {"value", "low", "high", "n", "random", "std", "verdict"} <= set(table.columns)
