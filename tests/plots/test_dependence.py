import numpy as np
import pytest

from rltools.errors import UnknownNameError
from rltools.plots import dependence
from rltools.plots.drawing.colors import action_color
from rltools.plots.drawing.steps import linked
from rltools.spaces import Features
from rltools.testing import example_recording

NAMES = Features((3,), ("feature",), ("height", "speed", "contact"), ("m", "m/s", ""))


def _recording(folder, *, actions=None, continuous=False, contact=False, steps=60):
    """The attribution of `height` is 3 times its value, with the sign of `speed`, which is also the action taken.

    That of `contact` is 5 where it is 1, if it is the one that matters.
    """
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(steps, 3)) for _ in range(4)]
    for part in states:
        part[:, 2] = part[:, 2] > 0
    values = [part * [3, 0.01, 0.01] for part in states]
    for part, state in zip(values, states, strict=True):
        part[:, 0] *= np.sign(state[:, 1])
        if contact:
            part[:, 0], part[:, 2] = 0, 5 * state[:, 2]
    options = {"action_start": None, "labels": ("action:torque",), "action_names": ("torque",)} if continuous else {}
    return example_recording(
        folder,
        [part[:, None] for part in values],
        features=NAMES,
        observations=[part.astype(np.float32) for part in states],
        actions=actions and [(part[:, 1] > 0).astype(int) for part in states],
        unit="score",
        method="shapley",
        **options,
    )


def _dots(axes):
    return next(dots for dots in axes.collections if len(dots.get_offsets()) > 20)


def _small_print(axes):
    return " ".join(text.get_text() for text in axes.texts).replace("\n", " ")


def test_a_dot_for_each_step_of_the_most_important_feature(tmp_path):
    axes = dependence(_recording(tmp_path / "r"))
    assert axes.get_xlabel() == "height (m)"
    assert "Shapley values" in axes.get_ylabel()
    x, y = _dots(axes).get_offsets().T
    np.testing.assert_allclose(np.abs(y), 3 * np.abs(x), rtol=1e-5)
    assert len(x) == 240


def test_what_explains_the_rest_gives_the_colors(tmp_path):
    by_feature = dependence(_recording(tmp_path / "feature", continuous=True))
    assert [panel.get_ylabel() for panel in by_feature.child_axes] == ["speed (m/s)"]
    assert "what explains most of the rest (|rank correlation| 0.7" in _small_print(by_feature)
    by_action = dependence(_recording(tmp_path / "action", actions=True))
    assert [text.get_text() for text in by_action.get_legend().get_texts()] == ["left", "right"]
    assert "correlation ratio" in _small_print(by_action)
    x, y = _dots(by_action).get_offsets().T
    from matplotlib.colors import to_rgb

    colors = [tuple(color[:3]) for color in _dots(by_action).get_facecolors()]
    right = np.array([color == pytest.approx(to_rgb(action_color(1))) for color in colors])
    np.testing.assert_array_equal(right, x * y > 0)


def test_the_colors_can_be_chosen(tmp_path):
    recording = _recording(tmp_path / "r", actions=True)
    axes = dependence(recording, "speed", colored_by="contact")
    assert axes.get_xlabel() == "speed (m/s)"
    assert [panel.get_ylabel() for panel in axes.child_axes] == ["contact"]
    assert "besides" not in _small_print(axes)
    assert dependence(recording, colored_by="action").get_legend() is not None
    with pytest.raises(UnknownNameError, match="wind"):
        dependence(recording, "wind")
    with pytest.raises(UnknownNameError, match="action"):
        dependence(_recording(tmp_path / "continuous", continuous=True), colored_by="action")


def test_few_values_are_ticks_with_their_means(tmp_path):
    axes = dependence(_recording(tmp_path / "r", contact=True))
    assert axes.get_xlabel() == "contact"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1"]
    (means,) = [line for line in axes.lines if line.get_marker() == "D"]
    np.testing.assert_allclose(means.get_ydata(), [0, 5])
    x, _ = _dots(axes).get_offsets().T
    assert np.abs(x - np.round(x)).max() <= 0.25


def test_many_steps_are_thinned_and_that_is_said(tmp_path):
    axes = dependence(_recording(tmp_path / "r", steps=1500))
    assert len(_dots(axes).get_offsets()) == 1500
    assert "1,500 evenly spread steps drawn" in _small_print(axes)


def test_each_action_has_its_mean_where_the_actions_have_the_colors(tmp_path):
    axes = dependence(_recording(tmp_path / "r", actions=True))
    left, right = [line for line in axes.lines if line.get_color() in (action_color(0), action_color(1))]
    np.testing.assert_allclose(left.get_ydata(), -3 * left.get_xdata(), atol=0.01)
    np.testing.assert_allclose(right.get_ydata(), 3 * right.get_xdata(), atol=0.01)


def test_dots_are_linked_to_their_steps_and_the_foot_counts_values(tmp_path):
    recording = _recording(tmp_path / "r")
    axes = dependence(recording)
    (link,) = linked(axes.figure).values()
    x, _ = _dots(axes).get_offsets().T
    states = [recording.episode(number).states[step, 0] for number, step in zip(link.episode, link.step, strict=True)]
    np.testing.assert_allclose(x, states, rtol=1e-5)
    assert axes.get_ylim()[0] < min(_dots(axes).get_offsets()[:, 1])
    heights = np.array([bar.get_height() for bar in axes.patches])
    np.testing.assert_allclose(heights / heights.max(), (counts := np.histogram(x, 40)[0]) / counts.max())
