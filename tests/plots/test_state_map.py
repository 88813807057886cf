import numpy as np
import pytest

from rltools.errors import ArgumentError, UnknownNameError
from rltools.plots import state_map
from rltools.spaces import Features
from rltools.testing import example_recording

NAMES = Features((3,), ("feature",), ("height", "speed", "contact"), ("m", "m/s", ""))


def _recording(folder, **options):
    """Attributions are 2 for height, -1 for speed, everywhere."""
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(300, 3)).astype(np.float32) for _ in range(2)]
    values = [np.tile([2.0, -1.0, 0.5], (300, 1, 1))] * 2
    return example_recording(folder, values, features=NAMES, observations=states, unit="score", **options)


def _small_print(axes):
    return " ".join(text.get_text() for text in axes.texts).replace("\n", " ")


def test_two_features_are_the_axes(tmp_path):
    axes = state_map(_recording(tmp_path / "r"), ("speed", "height"))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("speed (m/s)", "height (m)")
    dots, *maps, _ = axes.child_axes
    assert len(dots.collections[0].get_offsets()) == 600
    assert [panel.get_title(loc="left") for panel in maps] == ["height", "speed", "contact"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["left", "right"]


def test_components_say_what_they_are_made_of(tmp_path):
    axes = state_map(_recording(tmp_path / "r"))
    assert axes.get_xlabel().startswith("component 1 (3")
    assert "% of the variance)\n0." in axes.get_xlabel()
    assert any(name in axes.get_xlabel() for name in NAMES.names)


def test_a_map_is_as_dark_as_the_share_of_its_feature(tmp_path):
    from rltools.plots.drawing.colors import share_colors

    axes = state_map(_recording(tmp_path / "r"), ("speed", "height"))
    heights, speeds, _ = axes.child_axes[1:4]
    assert len(heights.collections[0].get_facecolors()) > 50
    # The attributions are 2, -1 and 0.5 everywhere, and the scale ends at the largest share.
    np.testing.assert_allclose(heights.collections[0].get_facecolors()[0], share_colors()(1.0))
    np.testing.assert_allclose(speeds.collections[0].get_facecolors()[0], share_colors()(0.5), atol=0.01)
    assert [label.get_text() for label in axes.child_axes[-1].get_yticklabels()] == ["0", "57.1"]


def test_without_a_discrete_action_the_score_gives_the_colors(tmp_path):
    recording = _recording(tmp_path / "r", action_start=None, action_names=("torque",), labels=("action:torque",))
    axes = state_map(recording)
    assert axes.get_legend() is None
    assert "the action's torque" in [panel.get_ylabel() for panel in axes.child_axes]


def test_magnitudes_are_a_map_of_cells(tmp_path):
    axes = state_map(_recording(tmp_path / "r"), ("speed", "height"), show="magnitude")
    _, cells, scale = axes.child_axes
    assert len(cells.collections[0].get_facecolors()) > 50
    assert "|gradient|" in scale.get_ylabel().replace("\n", " ")
    assert [label.get_text() for label in scale.get_yticklabels()] == ["0", "≥ 3.5"]


def test_it_says_where_no_cell_has_enough_steps(tmp_path):
    axes = state_map(example_recording(tmp_path / "r", [np.ones((2, 1, 2))] * 2))
    assert "no cell has 3 steps" in _small_print(axes)


def test_what_cannot_be_meant_is_refused(tmp_path):
    recording = _recording(tmp_path / "r")
    with pytest.raises(ArgumentError, match="features, magnitude"):
        state_map(recording, show="arrows")
    with pytest.raises(UnknownNameError, match="wind"):
        state_map(recording, ("wind", "speed"))
