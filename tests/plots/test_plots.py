import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rltools import plots
from rltools.errors import ArgumentError, UnknownNameError
from rltools.plots import beeswarm, importance, timeline
from rltools.plots.drawing.colors import feature_color
from rltools.plots.drawing.labels import feature_labels, plain, wrapped
from rltools.spaces import Features
from rltools.testing import example_ablation, example_recording


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(index).normal(size=(30 + index, 1, 3)) * (1, 2, 3) for index in range(3)]
    names = Features((3,), ("feature",), ("position", "velocity", "angle"), ("m", "m/s", "rad"))
    return example_recording(tmp_path / "recording", values, features=names, unit="score", method="shapley")


def _texts(axes):
    from matplotlib.text import Text

    return [text.get_text() for text in axes.figure.findobj(Text) if text.get_text()]


def test_plots_are_found_by_their_files():
    assert {"beeswarm", "importance", "timeline"} <= set(plots.plot_names())
    assert all(callable(getattr(plots, name)) for name in plots.plot_names() * 2)
    with pytest.raises(AttributeError, match="importance"):
        plots.importanse  # noqa: B018


def test_finding_plots_loads_no_matplotlib():
    code = "import sys, rltools.plots as p; p.plot_names(); p.importance; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importance_is_sorted_with_the_largest_on_top(recording):
    axes = importance(recording)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angle (rad)", "velocity (m/s)", "position (m)"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert "shapley" in axes.get_xlabel()
    assert "%" in axes.get_xlabel()


def test_importance_shows_the_top_features_and_says_so(recording):
    axes = importance(recording, top=2)
    assert len(axes.get_yticklabels()) == 2
    assert any("top 2 of 3 features" in text for text in _texts(axes))


def test_a_feature_has_one_color_in_every_plot(recording):
    from matplotlib.colors import to_rgb

    bars = importance(recording).patches
    assert [to_rgb(bar.get_facecolor()) for bar in bars] == [pytest.approx(feature_color(index)) for index in (2, 1, 0)]
    rows = [panel for panel in timeline(recording).child_axes if panel.spines["left"].get_visible()]
    spines = [to_rgb(row.spines["left"].get_edgecolor()) for row in rows]
    assert spines == [pytest.approx(feature_color(index)) for index in (2, 1, 0)]
    assert len({feature_color(index) for index in range(24)}) == 24


@pytest.mark.filterwarnings("ignore::rltools.recording.SharedEpisodesWarning")
def test_agents_side_by_side_share_the_axis(recording, tmp_path):
    values = [np.random.default_rng(9).normal(size=(30, 1, 2)) for _ in range(3)]
    names = Features((2,), ("feature",), ("angle", "height"))
    other = example_recording(tmp_path / "other", values, features=names, unit="score", method="shapley")
    axes = importance({"first": recording, "_second": other})
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(labels) == ["angle", "height", "position (m)", "velocity (m/s)"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first", "_second"]


def test_methods_side_by_side_are_named(recording):
    axes = importance(recording, method=["shapley", "shapley"])
    assert axes.get_legend() is None or [text.get_text() for text in axes.get_legend().get_texts()] == ["shapley"]


def test_standardized_is_refused_where_it_means_nothing(recording):
    for plot in (importance, beeswarm, timeline):
        with pytest.raises(ArgumentError, match="score"):
            plot(recording, standardized=True)


def test_raw_gradients_are_said_to_be_raw(tmp_path):
    recording = example_recording(tmp_path / "r", [np.ones((5, 1, 2))] * 2)
    assert beeswarm(recording).get_xlabel() == "gradient × std of centered:chosen (score)"
    raw = beeswarm(recording, standardized=False).get_xlabel().replace("\n", " ")
    assert raw == "gradient of centered:chosen (score per unit of the feature)"


def test_beeswarm_draws_each_step_once_and_at_most_two_thousand(tmp_path):
    few = beeswarm(example_recording(tmp_path / "few", [np.random.default_rng(0).normal(size=(70, 1, 2))] * 2))
    assert [len(dots.get_offsets()) for dots in few.collections if dots.get_offsets().size > 2] == [140, 140]
    many = beeswarm(example_recording(tmp_path / "many", [np.random.default_rng(0).normal(size=(1500, 1, 2))] * 3))
    counts = [len(dots.get_offsets()) for dots in many.collections if dots.get_offsets().size > 2]
    assert counts == [1500, 1500]
    assert any("1,500 evenly spread steps drawn" in text for text in _texts(many))


def test_beeswarm_rows_do_not_touch(tmp_path):
    axes = beeswarm(example_recording(tmp_path / "r", [np.ones((900, 1, 2))] * 2))
    swarms = [dots for dots in axes.collections if dots.get_offsets().size > 2]
    assert len(swarms) == 2
    for dots in swarms:
        offsets = dots.get_offsets()[:, 1]
        assert np.ptp(offsets) <= 0.8


def test_several_targets_show_the_strongest_and_say_so(tmp_path):
    labels = ("centered:left", "centered:right")
    recording = example_recording(tmp_path / "r", [np.ones((9, 2, 2)) * [[1], [3]]] * 2, labels=labels)
    for plot in (beeswarm, timeline):
        default_text = " ".join(_texts(plot(recording)))
        assert "centered:right" in default_text
        assert "strongest of 2 targets" in default_text
        labeled_text = " ".join(_texts(plot(recording, label="centered:left")))
        assert "centered:left" in labeled_text
        assert "strongest" not in labeled_text
        with pytest.raises(ArgumentError, match="centered:right"):
            plot(recording, label="centered:up")


def test_timeline_shows_the_episode_of_median_return(recording):
    assert any("episode 1, the one of median return · n = 31 steps" in text for text in _texts(timeline(recording)))
    assert any("episode 2 · n = 32 steps" in text for text in _texts(timeline(recording, 2)))


def test_timeline_shows_the_features_asked_for_in_their_order(recording):
    panels = timeline(recording, features=["velocity", "position"]).child_axes
    assert [panel.get_ylabel() for panel in panels[2:4]] == ["velocity (m/s)", "position (m)"]
    with pytest.raises(UnknownNameError, match="velocity"):
        timeline(recording, features=["velocty"])
    with pytest.raises(UnknownNameError, match="no episode 9"):
        timeline(recording, 9)


def test_timeline_names_only_the_actions_taken_and_sums_up_the_rest(tmp_path):
    names = tuple(f"action {index}" for index in range(9))
    actions_taken = [np.array([0] * 5 + [2] * 3 + [8] * 2)]
    few = timeline(
        example_recording(tmp_path / "few", [np.ones((10, 1, 2))], action_names=names, actions=actions_taken)
    )
    assert _legend(few) == ["action 0", "action 2", "action 8"]
    every = [np.repeat(np.arange(9), 2)]
    many = timeline(example_recording(tmp_path / "many", [np.ones((18, 1, 2))], action_names=names, actions=every))
    assert _legend(many) == [*names[:5], "4 others"]


def _legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_colors_are_centered_on_zero_and_gaps_are_kept(tmp_path):
    values = np.random.default_rng(0).normal(3, 1, size=(20, 1, 2))
    values[5] = np.nan
    axes = timeline(example_recording(tmp_path / "r", [values] * 2))
    picture = axes.child_axes[2].images[0]
    low, high = picture.get_clim()
    assert low == -high
    assert picture.get_array().mask.ravel().nonzero()[0].tolist() == [5]


def test_an_explained_step_stands_for_those_that_were_skipped(tmp_path):
    values = np.full((7, 1, 2), np.nan)
    values[1], values[4] = 1, 2
    recording = example_recording(tmp_path / "r", [values], every=3, unit="score")
    axes = timeline(recording)
    pixels = axes.child_axes[2].images[0].get_array()
    assert pixels.filled(0).ravel().tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert any("1 of 3 steps explained" in text for text in _texts(axes))


def test_no_figure_is_left_with_pyplot(recording):
    from matplotlib import _pylab_helpers

    example_ablation(recording, measure_coalitions=True)
    for name in plots.plot_names():
        getattr(plots, name)(recording)
    assert not _pylab_helpers.Gcf.figs


def test_text_is_drawn_as_it_is():
    assert plain("$x_1$ 100 %") == "$x_1$ 100 %"
    assert plain("two\nlines") == "two↵lines"
    assert plain("\x00\u202e") == "\\u0000\\u202e"
    assert plain("速") in ("速", "\\u901f")
    short = plain("begin" + "x" * 10_000 + "end")
    assert len(short) == 36
    assert short.startswith("begin")
    assert short.endswith("end")


def test_units_go_to_a_second_line_where_they_are_long():
    names, units = ("angle", "direction", "y velocity of the hull"), ("rad", "", "lengths per second")
    assert feature_labels(names, units) == ["angle (rad)", "direction", "y velocity of the hull\n(lengths per second)"]


def test_names_of_regions_and_of_choices_are_whole():
    region = "image: y22-31 x11-21 green"
    stacked = "camera: y22-31 x11-21 green, 3 steps ago"
    choice = "state=row 3, column 3, passenger in the taxi, destination yellow"
    labels = feature_labels((region, stacked, choice), ("", "", ""))
    assert labels[0] == region
    assert [label.replace("\n", " ") for label in labels] == [region, stacked, choice]
    assert max(len(line) for label in labels for line in label.split("\n")) <= 36


def test_names_that_differ_only_in_their_middle_are_told_apart():
    names = ["a" * 200 + middle + "a" * 200 for middle in "bcd"]
    labels = feature_labels(names, ["m", "m", "m"])
    assert len(set(labels)) == 3
    assert labels[1].endswith(" #2 (m)")
    assert all(len(line) <= 36 for label in labels for line in label.split("\n"))


@settings(deadline=None, max_examples=50)
@given(st.text("ab \0", max_size=200), st.sampled_from(["", "m", "lengths per second"]))
def test_a_label_has_two_lines_at_most(name, unit):
    (label,) = feature_labels([name], [unit])
    assert label.count("\n") <= 1
    assert all(len(line) <= 36 for line in label.split("\n"))


def test_the_few_steps_at_which_a_choice_was_made_stand_out(tmp_path):
    from rltools.plots.drawing.colors import value_colors

    values = np.random.default_rng(0).normal(size=(50, 1, 1))
    recording = example_recording(tmp_path / "r", [values] * 2, observations=[np.eye(50)[:, :1]] * 2)
    (dots,) = [dots for dots in beeswarm(recording).collections if dots.get_offsets().size > 2]
    dots.figure.draw_without_rendering()
    colors = [tuple(color) for color in dots.get_facecolors()]
    assert [index for index, color in enumerate(colors) if color == value_colors()(1.0)] == [0, 50]
    assert colors.count(value_colors()(0.0)) == 98


def test_subtitles_break_between_their_parts():
    assert wrapped(("agent", "", "n = 5 steps", "top 3"), 20) == "agent · n = 5 steps\ntop 3"


def test_small_axes_keep_their_labels_apart(recording):
    from matplotlib.figure import Figure

    from rltools.testing._check_plot import _check_drawing

    figure = Figure(figsize=(14, 8), layout="constrained")
    for axes, name in zip(figure.subplots(2, 2).flat, ("importance", "beeswarm", "timeline", "timeline"), strict=True):
        returned = getattr(plots, name)(recording, axes=axes)
    _check_drawing(returned, recording)
