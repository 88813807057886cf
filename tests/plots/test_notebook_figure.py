"""A notebook's cell that ends with a plot shows the picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rltools
from rltools.testing import example_recording


@pytest.fixture
def recording(tmp_path: Path) -> rltools.Recording:
    values = [np.random.default_rng(index).normal(size=(9, 1, 3)) for index in range(3)]
    return example_recording(tmp_path / "run", values, unit="score", method="shapley")


@pytest.mark.parametrize("name", ["importance", "beeswarm", "timeline", "phases", "training"])
def test_axes_and_figure_show_the_whole_picture(name: str, recording: rltools.Recording) -> None:
    axes = getattr(rltools.plots, name)(recording)
    for displayed in (axes, axes.figure):
        picture = Image.open(io.BytesIO(displayed._repr_png_()))
        assert picture.width > 400
        assert np.asarray(picture.convert("L")).std() > 10  # something is drawn
    saved = io.BytesIO()
    axes.figure.savefig(saved, dpi=axes.figure.dpi, bbox_inches="tight")
    pixels = [np.asarray(Image.open(file)).astype(int) for file in (saved, io.BytesIO(axes._repr_png_()))]
    np.testing.assert_allclose(*pixels, atol=2)


def test_axes_of_somebody_else_stay_what_they_are(recording: rltools.Recording) -> None:
    from matplotlib.figure import Figure

    other_axes = Figure().subplots()
    assert rltools.plots.importance(recording, axes=other_axes) is other_axes
    assert not hasattr(other_axes, "_repr_png_")


def test_axes_that_were_taken_out_show_nothing(recording: rltools.Recording) -> None:
    axes = rltools.plots.importance(recording)
    axes.remove()
    assert axes._repr_png_() is None


def test_a_notebook_asks_for_it(recording: rltools.Recording) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    axes = rltools.plots.importance(recording)
    for displayed in (axes, axes.figure):
        data, _ = formatters.DisplayFormatter().format(displayed)
        assert data["image/png"].startswith(b"\x89PNG")
