import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rltools import plots
from rltools.errors import ArgumentError, UnknownNameError
from rltools.plots import beeswarm, importance, timeline
from rltools.plots.drawing.labels import feature_labels, plain, wrapped
from rltools.plots.drawing.steps import linked
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
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angle", "velocity", "position"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert "Shapley values" in axes.get_xlabel()
    assert "%" in axes.get_xlabel()


def test_importance_shows_the_top_features_and_says_so(recording):
    axes = importance(recording, top=2)
    assert len(axes.get_yticklabels()) == 2
    assert any("top 2 of 3 features" in text for text in _texts(axes))


def test_features_have_no_colors_of_their_own(recording):
    assert len({bar.get_facecolor() for bar in importance(recording).patches}) == 1


def test_few_episodes_are_dots_in_place_of_an_interval(recording):
    axes = importance(recording)
    assert any("dots: episodes" in text for text in _texts(axes))
    dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    sizes = [np.abs(recording.attribution(episodes=[number]).values).sum(axis=(0, 1)) for number in (0, 1, 2)]
    np.testing.assert_allclose(dots, [100 * size[::-1] / size.sum() for size in sizes], rtol=1e-5)


def test_rows_can_have_the_order_of_another_plot(recording):
    axes = importance(recording, features=["velocity", "position"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["velocity", "position"]
    with pytest.raises(UnknownNameError, match="velocity"):
        importance(recording, features=["velocty"])


def test_bars_and_dots_are_linked_to_steps(recording):
    links = linked(importance(recording).figure).values()
    values = {number: recording.attribution(episodes=[number]).values[:, 0] for number in recording.numbers}
    bars = [link for link in links if link.kind == "dots"]
    assert len(bars) == 3
    for bar, feature in zip(bars, (2, 1, 0), strict=True):
        strongest = np.abs(values[int(bar.episode[0])][bar.step[0], feature])
        assert strongest == max(np.abs(each[:, feature]).max() for each in values.values())
    assert [link.names for link in links if link.kind == "rows"] == [("angle", "velocity", "position")]
    swarm = beeswarm(recording)
    (first, *_) = [link for link in linked(swarm.figure).values() if link.kind == "dots"]
    drawn = swarm.collections[1].get_offsets()[:, 0]
    steps = zip(first.episode.tolist(), first.step.tolist(), strict=True)
    np.testing.assert_allclose(drawn, [values[number][step, 2] for number, step in steps], rtol=1e-5)


@pytest.mark.filterwarnings("ignore::rltools.recording.SharedEpisodesWarning")
def test_agents_side_by_side_share_the_axis(recording, tmp_path):
    values = [np.random.default_rng(9).normal(size=(30, 1, 2)) for _ in range(3)]
    names = Features((2,), ("feature",), ("angle", "height"))
    other = example_recording(tmp_path / "other", values, features=names, unit="score", method="shapley")
    axes = importance({"first": recording, "_second": other})
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(labels) == ["angle", "height", "position", "velocity"]
    assert [text for text in _texts(axes) if text in ("first", "_second")] == ["first", "_second"] * 4


def test_standardized_is_refused_where_it_means_nothing(recording):
    for plot in (importance, beeswarm, timeline):
        with pytest.raises(ArgumentError, match="score"):
            plot(recording, standardized=True)


def test_raw_gradients_are_said_to_be_raw(tmp_path):
    recording = example_recording(tmp_path / "r", [np.ones((5, 1, 2))] * 2)
    assert beeswarm(recording).get_xlabel() == "gradient × std of the score of the action taken\n(centered)"
    raw = beeswarm(recording, standardized=False).get_xlabel().replace("\n", " ")
    assert raw == "gradient of the score of the action taken (centered), in units of the score per unit of the feature"


def _swarms(axes):
    return [dots for dots in axes.collections if len(dots.get_offsets()) > 2 and dots.get_gid()]


def test_beeswarm_draws_each_step_once_and_at_most_three_hundred(tmp_path):
    few = beeswarm(example_recording(tmp_path / "few", [np.random.default_rng(0).normal(size=(70, 1, 2))] * 2))
    assert [len(dots.get_offsets()) for dots in _swarms(few)] == [140, 140]
    many = beeswarm(example_recording(tmp_path / "many", [np.random.default_rng(0).normal(size=(300, 1, 2))] * 3))
    assert [len(dots.get_offsets()) for dots in _swarms(many)] == [300, 300]
    assert any("300 evenly spread steps drawn" in text for text in _texts(many))


def test_beeswarm_rows_do_not_touch_and_name_the_ends_of_their_colors(tmp_path):
    states = [np.tile([[0.0, -2.5], [1.0, 4.0]], (50, 1))] * 2
    names = Features((2,), ("feature",), ("contact", "speed"), ("", "m/s"))
    values = [np.ones((100, 1, 2))] * 2
    axes = beeswarm(example_recording(tmp_path / "r", values, features=names, observations=states, unit="score"))
    for dots in _swarms(axes):
        assert np.ptp(dots.get_offsets()[:, 1]) <= 0.8
    assert {"0", "1", "−2.5", "4.0 m/s"} <= set(_texts(axes))


def test_several_targets_show_the_strongest_and_say_so(tmp_path):
    labels = ("centered:left", "centered:right")
    recording = example_recording(tmp_path / "r", [np.ones((9, 2, 2)) * [[1], [3]]] * 2, labels=labels)
    for plot in (beeswarm, timeline):
        default_text = " ".join(_texts(plot(recording))).replace("\n", " ")
        assert "the score of right (centered)" in default_text
        assert "strongest of 2 targets" in default_text
        labeled_text = " ".join(_texts(plot(recording, label="centered:left"))).replace("\n", " ")
        assert "the score of left (centered)" in labeled_text
        assert "strongest" not in labeled_text
        with pytest.raises(ArgumentError, match="centered:right"):
            plot(recording, label="centered:up")


def test_timeline_shows_the_episode_of_median_return(recording):
    texts = _texts(axes := timeline(recording))
    assert "median return" in axes.get_title(loc="left")
    assert any("episode 1: return" in text and "after 31 steps" in text.replace("\n", " ") for text in texts)
    assert any("episode 2: return" in text for text in _texts(timeline(recording, 2)))


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
