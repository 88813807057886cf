import io

import numpy as np
import pytest

from rltools._util.files import numbered_path
from rltools.errors import ArgumentError
from rltools.plots import filmstrip
from rltools.plots.drawing.steps import linked
from rltools.recording.writers import BlockFile
from rltools.summary import filmstrip_steps
from rltools.testing import check_plot, example_recording

STEPS = 50


def _with_frames(folder, number=1, height=8, width=12):
    """Three episodes of 50 steps, of which one has frames, each as bright as its step."""
    from PIL import Image

    values = [np.random.default_rng(index).normal(size=(STEPS, 1, 3)) for index in range(3)]
    values[number][37, 0] = 100
    recording = example_recording(folder, values, unit="score", method="shapley")
    frames = []
    for step in range(STEPS):
        content = io.BytesIO()
        Image.fromarray(np.full((height, width, 3), 4 * step, np.uint8)).save(content, "WEBP", lossless=True)
        frames.append(content.getvalue())
    file = BlockFile(numbered_path(recording.directory / "frames", number))
    file.write({"frame": np.array(frames, dtype=object)})
    file.finish({})
    return recording


def test_frames_are_above_their_moments(tmp_path):
    recording = _with_frames(tmp_path / "r", number=2)
    axes = filmstrip(recording)
    links = linked(axes.figure).values()
    (span,) = [link for link in links if link.kind == "span"]
    assert (span.episode.tolist(), span.step.tolist()) == ([2], [0, STEPS - 1])
    steps = [int(link.step[0]) for link in links if link.kind == "dots"]
    assert len(steps) == 5
    frames = [panel for panel in axes.child_axes if panel.images and panel.images[0].get_array().ndim == 3][:5]
    for panel, step in zip(frames, steps, strict=True):
        assert np.asarray(panel.images[0].get_array())[0, 0].tolist() == [4 * step] * 3
    middles = [(step + 0.5) / STEPS for step in steps]
    assert middles == pytest.approx([0.11, 0.31, 0.51, 0.71, 0.91], abs=0.02)
    check_plot(filmstrip, recording)


def test_square_frames_are_more_and_their_number_can_be_chosen(tmp_path):
    square = _with_frames(tmp_path / "r", width=8)
    assert len(filmstrip_steps(square, square.find()).frames) == 7
    chosen = filmstrip_steps(square, square.find(), most=2, frames="largest")
    assert len(chosen.frames) == 2
    assert chosen.frames[1] == 37
    assert filmstrip_steps(square, square.find(), frames=[40, 3]).frames.tolist() == [3, 40]
    with pytest.raises(ArgumentError, match="no step 50"):
        filmstrip(square, frames=[50])
    with pytest.raises(ArgumentError, match="largest, even"):
        filmstrip(square, frames="evenly")


def test_without_frames_there_are_strips_only(tmp_path):
    recording = _with_frames(tmp_path / "r").without_frames()
    axes = filmstrip(recording, top=2)
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "action"
    assert len(axes.get_yticklabels()) == 3
    assert not [link for link in linked(axes.figure).values() if link.kind == "dots"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["left", "right"]
