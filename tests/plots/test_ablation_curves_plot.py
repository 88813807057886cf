"""Deletion and insertion curves: three orders, both halves, and returns that are not monotone."""

from dataclasses import replace

import numpy as np
import pytest

from rltools import plots
from rltools.ablation import open_ablation, write_ablation
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.line_labels import places_beside
from rltools.testing import example_ablation, example_recording


def _recording(folder, count):
    return example_recording(folder / "recording", [np.zeros((5, 1, count))])


def _additive(replacement, hidden, number):
    return 100.0 - sum((50, 20, 5, 1)[player] for player in hidden)


def _curves(axes):
    """The lines with a point per number of features, by half and in the order of drawing: random, reverse, best."""
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    return np.array([line.get_ydata() for line in lines[:3]]), np.array([line.get_ydata() for line in lines[3:]])


def test_the_largest_loss_first_falls_first_and_rises_first(tmp_path):
    recording = _recording(tmp_path, 4)
    example_ablation(recording, _additive, seeds=6, measure_coalitions=True)
    deletion, insertion = _curves(plots.ablation_curves(recording))
    assert deletion[2] == pytest.approx([100, 50, 30, 25, 24])
    assert deletion[1] == pytest.approx([100, 99, 94, 74, 24])
    assert deletion[0] == pytest.approx([100, 81, 62, 43, 24])
    assert insertion[2] == pytest.approx([24, 74, 94, 99, 100])
    assert insertion[1] == pytest.approx([24, 25, 30, 50, 100])


def test_lines_are_named_beside_them(tmp_path):
    recording = _recording(tmp_path, 4)
    example_ablation(recording, _additive, seeds=6, measure_coalitions=True)
    texts = [text.get_text() for text in plots.ablation_curves(recording).texts]
    assert texts.count("largest loss first") == texts.count("smallest loss first") == 2
    assert {"everything seen: 100", "nothing seen: 24"} <= set(texts)


def test_lines_that_are_the_same_have_one_name(tmp_path):
    recording = _recording(tmp_path, 3)
    example_ablation(recording, lambda replacement, hidden, number: 7.0, measure_coalitions=True)
    texts = [text.get_text() for text in plots.ablation_curves(recording).texts]
    assert texts.count("any order") == 2
    assert "everything or nothing seen: 7" in texts


def test_a_return_below_that_of_nothing_seen_is_said(tmp_path):
    recording = _recording(tmp_path, 4)

    def outcome(replacement, hidden, number):
        worth = (200, -450, -420, -400, -200)[len(hidden)]
        return worth + float(np.random.default_rng([number, *hidden]).normal())

    example_ablation(recording, outcome, seeds=6, measure_coalitions=True)
    assert "lowest with 1 of 4 hidden (−450), not with all" in alt_text(plots.ablation_curves(recording))
    example_ablation(recording, _additive, seeds=6, measure_coalitions=True, replace="zero")
    assert "lowest" not in alt_text(plots.ablation_curves(recording, ablation="zero"))


def test_a_name_is_nearest_to_its_own_line():
    x = np.linspace(0, 3, 4)
    lines = [(x, np.array([2.0, 1.8, 1.6, 0.2])), (x, np.array([2.0, 0.6, 0.3, 0.2]))]
    places = places_beside(lines, [(0.8, 0.15), (0.8, 0.15)], (0, 0), (3, 2.4))
    for number, place in enumerate(places):
        assert place is not None
        gaps = [abs(np.interp(place[0], *line) - place[1]) for line in lines]
        assert gaps[number] == min(gaps)
        assert gaps[number] > 0.07


def test_lines_among_others_have_no_place():
    x = np.linspace(0, 3, 4)
    lines = [(x, np.full(4, height)) for height in (1.0, 1.05, 1.1)]
    places = places_beside(lines, [(0.8, 0.15)] * 3, (0, 0), (3, 2.4))
    assert places[1] is None
    assert places[0] is None or places[0][1] < 1


def test_many_players_without_coalitions_are_refused_at_once(tmp_path):
    ablation = example_ablation(_recording(tmp_path, 24))
    assert ablation.curves() is None
    assert ablation.shapley() is None


def test_a_later_race_does_not_lose_the_curves(tmp_path):
    recording = _recording(tmp_path, 10)
    ablation = example_ablation(recording, seeds=3, measure_coalitions=True)
    order = ablation.curves().best.order
    raced = order[-1]
    rollouts = ablation.rollouts
    lost = rollouts.where((rollouts.purpose == "loss") & (rollouts.hidden.sum(axis=1) == rollouts.hidden[:, raced]))
    # More seeds, at which the feature of the smallest loss loses most.
    hidden = lost.hidden[:, raced]
    later = replace(lost, number=lost.number + 100, total_reward=np.where(hidden, -1e4, lost.total_reward))
    write_ablation(recording.directory, ablation.spec, later)
    again = open_ablation(recording)
    assert again.losses().order[0] == raced
    assert again.curves().best.order == order
