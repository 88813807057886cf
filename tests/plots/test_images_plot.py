import io

import numpy as np
import pytest

from rltools._util.files import numbered_path
from rltools.errors import ArgumentError
from rltools.plots import images
from rltools.plots.drawing.image_panels import overlay
from rltools.recording.writers import BlockFile
from rltools.spaces import Features
from rltools.summary import steps_as_images, summarize
from rltools.testing import check_plot, example_recording

HEIGHT, WIDTH = 4, 6


def _spot(*shape_before_channels):
    """Attributions and pictures of which only the pixel y 1, x 4 is anything; `[step, 1, y, x, channel]`."""
    values = np.zeros((7, 1, HEIGHT, WIDTH, 3))
    values[:, 0, 1, 4] = [0.5, 1.0, 1.5]
    observations = np.zeros((7, HEIGHT, WIDTH, 3), np.uint8)
    observations[:, 1, 4] = [255, 0, 51]
    return values, observations


@pytest.mark.parametrize("order", [("y", "x", "channel"), ("channel", "y", "x"), ("x", "channel", "y")])
def test_pictures_and_maps_stand_upright_whatever_their_axes(tmp_path, order):
    values, observations = _spot()
    turned = [("y", "x", "channel").index(name) for name in order]
    values = values.transpose(0, 1, *(2 + axis for axis in turned))
    observations = observations.transpose(0, *(1 + axis for axis in turned))
    recording = example_recording(
        tmp_path / "r",
        [values],
        features=Features(observations.shape[1:], order),
        observations=[np.ascontiguousarray(observations)],
        unit="score",
        method="integrated_gradients",
    )
    result = steps_as_images(recording, recording.find())
    assert result.pictures[0].shape == (HEIGHT, WIDTH, 3)
    assert result.pictures[0][1, 4].tolist() == pytest.approx([1, 0, 0.2])
    assert np.argwhere(result.maps[0]).tolist() == [[1, 4]]
    assert result.maps[0, 1, 4] == 3
    panels = images(recording).child_axes
    assert np.asarray(panels[0].images[0].get_array()).shape == (HEIGHT, WIDTH, 3)
    check_plot(images, recording)


def test_the_strongest_step_of_each_stretch(tmp_path):
    values, observations = _spot()
    values *= np.array([1, 5, 1, 1, 9, 1, 2])[:, None, None, None, None]
    recording = example_recording(tmp_path / "r", [values], observations=[observations], unit="score", method="shapley")
    assert steps_as_images(recording, recording.find(), most=3).steps == (1, 4, 6)
    assert steps_as_images(recording, recording.find(), most=3, steps="even").steps == (0, 3, 6)
    assert steps_as_images(recording, recording.find(), steps=[5, 2]).steps == (2, 5)
    with pytest.raises(ArgumentError, match="no step 7"):
        images(recording, steps=[7])
    with pytest.raises(ArgumentError, match="largest, even"):
        images(recording, steps="evenly")


def test_orange_pushes_and_purple_pulls_and_nothing_is_pale():
    picture = np.zeros((1, 3, 3))
    overlaid = overlay(picture, np.array([[2.0, -1.0, 0.0]]), 1.0)[0]
    assert overlaid[0, 0] > overlaid[0, 2] + 0.5
    assert overlaid[1, 2] > overlaid[1, 1] + 0.2
    assert np.ptp(overlaid[2]) == 0


def test_of_a_stack_the_newest_is_seen_and_all_are_summed(tmp_path):
    values = np.ones((3, 1, 2, 5, 5))
    observations = np.stack([np.zeros((3, 5, 5)), np.tile(np.arange(25.0).reshape(5, 5), (3, 1, 1))], axis=1)
    recording = example_recording(
        tmp_path / "r",
        [values],
        features=Features((2, 5, 5), ("lag", "y", "x")),
        observations=[observations],
        unit="score",
    )
    result = steps_as_images(recording, recording.find())
    assert result.pictures[0][:, :, 0] == pytest.approx(np.arange(25).reshape(5, 5) / 24, abs=1 / 255)
    assert (result.maps == 2).all()
    assert result.note == "the newest of 2 is seen, the colors are the sum over all 2"


def test_frames_have_the_strongest_features_beneath(tmp_path):
    from PIL import Image

    values = [np.tile([1.0, -3.0, 0.0, 2.0], (6, 1, 1))] * 2
    names = Features((4,), ("feature",), ("a", "b", "c", "d"))
    recording = example_recording(tmp_path / "r", values, features=names, unit="score", method="shapley")
    frames = []
    for step in range(6):
        content = io.BytesIO()
        Image.fromarray(np.full((8, 12, 3), 40 * step, np.uint8)).save(content, "WEBP", lossless=True)
        frames.append(content.getvalue())
    file = BlockFile(numbered_path(recording.directory / "frames", 0))
    file.write({"frame": np.array(frames, dtype=object)})
    file.finish({})
    axes = images(recording, most=3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["frame", "b", "d", "a"]
    panels = axes.child_axes
    assert len(panels) == 6
    assert np.asarray(panels[4].images[0].get_array())[0, 0] == pytest.approx([160 / 255] * 3, abs=0.02)
    assert [float(arrow.get_xy()[2, 0]) for arrow in panels[5].patches] == [-3, 2, 1]


def test_without_any_picture_it_says_so(tmp_path):
    axes = images(example_recording(tmp_path / "r", [np.ones((5, 1, 2))] * 2))
    assert any("no images" in text.get_text() for text in axes.texts)


def test_the_leading_region_is_outlined_on_both(tmp_path):
    values, observations = _spot()
    recording = example_recording(tmp_path / "r", [values] * 5, observations=[observations] * 5, unit="score")
    result = steps_as_images(recording, recording.find())
    assert result.region_name == summarize(recording, detail="regions").top(1)[0].feature
    assert result.region[1, 4]
    assert result.region.sum() < HEIGHT * WIDTH
    assert result.region_share == pytest.approx(1)
    observed, attribution, *_ = images(recording).child_axes
    for panel in (observed, attribution):
        (outline,) = panel.collections
        x, y = np.concatenate(outline.get_segments()).T
        rows, columns = np.nonzero(result.region)
        assert (x.min(), x.max()) == (columns.min() - 0.5, columns.max() + 0.5)
        assert (y.min(), y.max()) == (rows.min() - 0.5, rows.max() + 0.5)
