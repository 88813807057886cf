import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltools.errors import ArgumentError
from rltools.plots import training
from rltools.plots.drawing.labels import spread_apart
from rltools.spaces import Features
from rltools.testing import example_recording
from rltools.testing._check_plot import _check_drawing


def _recording(folder, weights, names=("position", "angle", "speed")):
    values = [np.random.default_rng(index).normal(size=(9 + index, 1, 3)) * weights for index in range(3)]
    return example_recording(
        folder, values, features=Features((3,), ("feature",), names), unit="score", method="shapley"
    )


@pytest.fixture
def checkpoints(tmp_path):
    return {steps: _recording(tmp_path / str(steps), (1, 2, steps / 1000)) for steps in (0, 1000, 5000)}


def test_lines_are_shares_over_training_steps(checkpoints):
    from rltools.summary import summarize

    axes = training(checkpoints)
    shares, returns = axes.child_axes
    assert axes.get_xlabel() == "training steps"
    speed = [100 * summarize(recording).overall.importance.value[2] for recording in checkpoints.values()]
    (line,) = [line for line in shares.lines if line.get_ydata()[0] == pytest.approx(speed[0])]
    assert line.get_xdata().tolist() == [0, 1000, 5000]
    assert line.get_ydata() == pytest.approx(speed)
    assert returns.lines[0].get_ydata() == pytest.approx([10, 10, 10])
    assert {text.get_text() for text in shares.texts} >= {"position", "angle", "speed"}
    _check_drawing(axes, checkpoints[0])


def test_labels_that_are_no_numbers_stand_in_their_order(checkpoints):
    axes = training({"early": checkpoints[0], "late": checkpoints[5000]})
    assert [label.get_text() for label in axes.get_xticklabels()] == ["early", "late"]
    assert axes.get_xlabel() == "checkpoint"


def test_one_recording_is_one_point(checkpoints):
    assert training(checkpoints[0]).child_axes[0].lines[0].get_xdata().tolist() == [0]


def test_a_feature_that_comes_later_has_a_gap(tmp_path, checkpoints):
    other = _recording(tmp_path / "other", (1, 1, 1), names=("position", "angle", "height"))
    shares = training({0: checkpoints[0], 1: other}).child_axes[0]
    gaps = [np.isnan(line.get_ydata()).tolist() for line in shares.lines]
    assert [True, False] in gaps
    assert [False, True] in gaps


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_labels_are_apart_in_their_order(heights):
    placed = spread_apart(heights, [0.1] * len(heights))
    assert np.diff(sorted(placed)).min(initial=1) > 0.0999
    assert np.argsort(heights, kind="stable").tolist() == np.argsort(placed, kind="stable").tolist()
    assert min(placed) >= 0
    assert max(placed) <= 1.0001


def test_nothing_to_draw_is_said_in_a_line(checkpoints):
    with pytest.raises(ArgumentError, match="there are no recordings to draw; give one, a list of them"):
        training({})
