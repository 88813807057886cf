"""Losses of return: bars with signs, ties, verdicts and the second replacement."""

import numpy as np
import pytest

from rltools import plots
from rltools.errors import ArgumentError, RecordingError, UnknownNameError
from rltools.plots.drawing.ablations import seeds_note
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.colors import theme_color
from rltools.spaces import Features
from rltools.testing import example_ablation, example_recording
from rltools.testing._check_plot import _check_drawing, content_of


def _recording(folder, count, names=None):
    names = names or tuple(f"feature {index}" for index in range(count))
    features = Features((count,), ("feature",), names, ("",) * count)
    return example_recording(folder / "recording", [np.zeros((5, 1, count))], features=features)


def _outcome(worth, noise=0.0, baseline=100.0):
    """The return of an additive game, in which a mean costs half of what another visited state does."""

    def outcome(replacement, hidden, number):
        draw = np.random.default_rng([number, *hidden]).normal()
        scale = 0.5 if replacement == "mean" else 1.0
        return baseline - scale * sum(worth[player] for player in hidden) + noise * draw

    return outcome


def _words(axes):
    return [text.get_text() for text in axes.texts]


def _rows(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_are_the_losses_with_the_largest_on_top(tmp_path):
    recording = _recording(tmp_path, 3)
    example_ablation(recording, _outcome([10, 70, 40]), seeds=6)
    axes = plots.losses(recording)
    assert _rows(axes) == ["feature 1", "feature 2", "feature 0"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([70, 40, 10])
    assert {"70.0", "40.0", "10.0", "needed"} <= set(_words(axes))
    assert "tied" not in _words(axes)
    assert "return 100 with everything seen" in alt_text(axes)


def test_the_second_replacement_is_a_mark_beside(tmp_path):
    recording = _recording(tmp_path, 2)
    example_ablation(recording, _outcome([10, 70]), seeds=6)
    (marks,) = [line for line in plots.losses(recording).lines if line.get_marker() == "D"]
    assert np.allclose(marks.get_xdata(), [35, 5])
    example_ablation(recording, _outcome([10, 70]), seeds=6, replace="zero", second=None)
    axes = plots.losses(recording, ablation="zero")
    assert not [line for line in axes.lines if line.get_marker() == "D"]
    assert "replaced by 0" in alt_text(axes)


def test_features_that_cannot_be_told_apart_are_in_a_bracket(tmp_path):
    recording = _recording(tmp_path, 4)
    example_ablation(recording, _outcome([60, 61, 5, 0], noise=8), seeds=8)
    axes = plots.losses(recording)
    (tied,) = [text for text in axes.texts if text.get_text() == "tied"]
    (bracket,) = [line for line in axes.lines if list(line.get_xdata()) == [1, 1]]
    assert list(bracket.get_ydata()) == pytest.approx([-0.3, 1.3])
    assert tied.xy[1] == pytest.approx(0.5)


def test_a_feature_without_which_the_return_is_higher_points_the_other_way(tmp_path):
    from matplotlib.colors import to_hex

    recording = _recording(tmp_path, 3)
    example_ablation(recording, _outcome([50, -30, 0], noise=4, baseline=-90), seeds=8)
    axes = plots.losses(recording)
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[0] > 0 > widths[2]
    colors = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colors == [theme_color(name) for name in ("measured", "uncertain", "ink")]
    assert "better without" in _words(axes)
    assert "below 0: higher" in axes.get_xlabel().replace("\n", " ")


def test_what_loses_everything_says_so(tmp_path):
    recording = _recording(tmp_path, 3)

    def outcome(replacement, hidden, number):
        return -100.0 if set(hidden) & {0, 1} else 200.0 + (number if not hidden else 0)

    example_ablation(recording, outcome, seeds=8)
    assert _words(plots.losses(recording)).count("loses everything") == 2


def test_a_partner_is_named(tmp_path):
    recording = _recording(tmp_path, 3)

    def outcome(replacement, hidden, number):
        noise = np.random.default_rng([number, len(hidden)]).normal()
        return 100.0 - 80 * ({0, 1} <= set(hidden)) - 50 * (2 in hidden) + noise / 10

    example_ablation(recording, outcome, seeds=8, measure_coalitions=True)
    assert {"needed with feature 1", "needed with feature 0"} <= set(_words(plots.losses(recording)))


def test_a_feature_whose_every_episode_failed_is_last_and_says_so(tmp_path):
    recording = _recording(tmp_path, 3)

    def outcome(replacement, hidden, number):
        return float("nan") if 0 in hidden else 100.0 - 10 * len(hidden)

    example_ablation(recording, outcome, seeds=6)
    axes = plots.losses(recording)
    assert _rows(axes)[-1] == "feature 0"
    assert "not measured" in _words(axes)
    assert "12 episodes ended by a fault and left out" in alt_text(axes)


def test_one_seed_gives_no_interval(tmp_path):
    from matplotlib.colors import to_hex

    recording = _recording(tmp_path, 2)
    example_ablation(recording, _outcome([10, 70]), seeds=1)
    axes = plots.losses(recording)
    assert "fewer than two seeds: no interval" in alt_text(axes)
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {theme_color("uncertain")}


def test_the_largest_losses_of_either_sign_are_kept(tmp_path):
    recording = _recording(tmp_path, 5)
    example_ablation(recording, _outcome([1, -40, 2, 30, 0]), seeds=6)
    axes = plots.losses(recording, top=2)
    assert _rows(axes) == ["feature 3", "feature 1"]
    assert "the 2 largest of 5 features" in alt_text(axes)


def test_wide_intervals_do_not_flatten_the_bars(tmp_path):
    recording = _recording(tmp_path, 3)
    example_ablation(recording, _outcome([5, 4, 3], noise=60), seeds=2)
    axes = plots.losses(recording)
    largest = max(abs(bar.get_width()) for bar in axes.patches)
    assert max(map(abs, axes.get_xlim())) < 4 * largest
    assert "some intervals are cut off" in alt_text(axes)


@pytest.mark.parametrize(
    "worth",
    [[0.0], [0.0, 0.0], [3e7, 1e7], [1e-4, 2e-4], [-5.0, -9.0]],
    ids=["one", "zero", "huge", "tiny", "negative"],
)
@pytest.mark.parametrize("name", ["losses", "coalition_values", "ablation_curves"])
def test_plots_of_odd_returns_are_legible(tmp_path, worth, name):
    recording = _recording(tmp_path, len(worth))
    example_ablation(recording, _outcome(worth, baseline=sum(map(abs, worth))), seeds=6, measure_coalitions=True)
    plot = getattr(plots, name)
    _check_drawing(plot(recording), recording, content_of(plot))


def test_an_ablation_is_drawn_as_its_recording_is(tmp_path):
    recording = _recording(tmp_path, 3)
    ablation = example_ablation(recording, seeds=3, measure_coalitions=True)
    for name in ("losses", "coalition_values", "ablation_curves"):
        plot = getattr(plots, name)
        assert alt_text(plot(ablation)) == alt_text(plot(recording, ablation=ablation.key)) == alt_text(plot(recording))


@pytest.mark.parametrize("name", ["losses", "coalition_values", "ablation_curves"])
def test_what_cannot_be_drawn_is_said(tmp_path, name):
    plot, recording = getattr(plots, name), _recording(tmp_path, 2)
    with pytest.raises(RecordingError, match=r"has no ablation; make one with rltools\.ablate\(policy, recording\)"):
        plot(recording)
    ablation = example_ablation(recording)
    with pytest.raises(UnknownNameError, match="no ablation 'zero'"):
        plot(recording, ablation="zero")
    with pytest.raises(ArgumentError, match="this is an ablation; leave it out"):
        plot(ablation, ablation="resample")
    with pytest.raises(ArgumentError, match="a str is not a recording, and no ablation"):
        plot("runs/lander")


def test_the_fewest_and_the_most_seeds_of_any_feature_are_told():
    assert seeds_note(np.array([16, 64, 0])) == "16 to 64 seeds"
    assert seeds_note(np.array([16, 16])) == "16 seeds"
    assert seeds_note(np.array([0, 0])) == "0 seeds"
