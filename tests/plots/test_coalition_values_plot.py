"""Outcome Shapley values beside the losses of single features and what they gain alone."""

import numpy as np
import pytest

from rltools import plots
from rltools.errors import RecordingError
from rltools.plots.drawing.alt import alt_text
from rltools.testing import example_ablation, example_recording


def _recording(folder, count):
    return example_recording(folder / "recording", [np.zeros((5, 1, count))])


def _needed_together(replacement, hidden, number):
    """Two players without each of which 60 are lost, and one worth 10 of its own."""
    return 100.0 + number - 60 * bool({0, 1} & set(hidden)) - 10 * (2 in hidden)


def _either(replacement, hidden, number):
    """Two players that can stand in for each other."""
    return 100.0 + number - 60 * ({0, 1} <= set(hidden))


def _marks(axes, marker):
    (line,) = [line for line in axes.lines if line.get_marker() == marker]
    return np.asarray(line.get_xdata())


def test_the_three_marks_are_share_loss_and_gain(tmp_path):
    recording = _recording(tmp_path, 3)
    example_ablation(recording, _needed_together, seeds=6, measure_coalitions=True)
    axes = plots.coalition_values(recording)
    assert _marks(axes, "o") == pytest.approx([30, 30, 10])
    assert _marks(axes, "s") == pytest.approx([60, 60, 10])
    assert _marks(axes, ">") == pytest.approx([0, 0, 10])
    assert "all features together gain 70 over none" in alt_text(axes)
    assert "exact: all 8 coalitions at 6 seeds" in alt_text(axes)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (_needed_together, "−60: needed together"),
        (_either, "60: can stand in for each other"),
    ],
)
def test_the_largest_interaction_is_in_words(tmp_path, outcome, text):
    recording = _recording(tmp_path, 3)
    example_ablation(recording, outcome, seeds=8, measure_coalitions=True)
    listed = plots.coalition_values(recording).texts[-1].get_text()
    assert listed == f"Largest interactions\n\nobs[0] and obs[1]\n{text}"


def test_no_interaction_is_certain_where_players_add_up(tmp_path):
    recording = _recording(tmp_path, 3)

    def outcome(replacement, hidden, number):
        return 100 - 20 * len(hidden) + float(np.random.default_rng([number, *hidden]).normal())

    example_ablation(recording, outcome, seeds=6, measure_coalitions=True)
    assert "none of 3 pairs is certain" in plots.coalition_values(recording).texts[-1].get_text()


def test_drawn_orders_are_said(tmp_path):
    recording = _recording(tmp_path, 10)
    example_ablation(recording, seeds=3, measure_coalitions=True)
    text = alt_text(plots.coalition_values(recording))
    assert "estimated from 3 pairs of drawn orders" in text
    assert "exact" not in text


def test_without_coalitions_the_plot_says_what_to_do(tmp_path):
    recording = _recording(tmp_path, 3)
    example_ablation(recording)
    for plot in (plots.coalition_values, plots.ablation_curves):
        with pytest.raises(RecordingError, match=r"ablate\(policy, recording, coalitions=True\)"):
            plot(recording)


def test_coalitions_that_all_failed_are_not_taken_for_unmeasured(tmp_path):
    recording = _recording(tmp_path, 3)

    def outcome(replacement, hidden, number):
        return float("nan") if len(hidden) == 2 else 1.0

    example_ablation(recording, outcome, measure_coalitions=True)
    for plot in (plots.coalition_values, plots.ablation_curves):
        with pytest.raises(RecordingError, match=r"12 episodes ended by a fault \(ValueError: no numbers\)"):
            plot(recording)
