"""Lines, colors and numbers of one episode."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import fixed
from rltools.plots.drawing.panels import draw_attributions, draw_line


def test_only_a_value_between_two_gaps_has_a_marker() -> None:
    axes = Figure().add_subplot()
    for values, alone in (([1, 2, np.nan, 3, np.nan, 4, 5], [3]), ([1.0], [0]), ([1, 2], []), ([np.nan], [])):
        draw_line(axes, np.array(values), "black")
        assert axes.lines[-1].get_markevery() == alone


def test_of_steps_that_share_a_column_the_one_that_matters_most_is_seen() -> None:
    axes = Figure().add_subplot()
    values = np.zeros((7_200, 2))
    values[13, 0], values[7_199, 1], values[50] = 5.0, -7.0, np.nan
    draw_attributions(axes, values, 7.0, (1.5, -0.5))
    seen = axes.images[0].get_array()
    assert seen is not None
    assert seen.shape == (2, 720)
    assert (seen[0, 1], seen[1, 719], np.abs(seen).sum()) == (5.0, -7.0, 12.0)
    draw_attributions(axes, np.array([[1.0, np.nan]]), 7.0, (1.5, -0.5))
    colors = axes.images[1].get_array()
    assert np.ma.getmaskarray(colors).tolist() == [[False], [True]]


def test_numbers_keep_their_width() -> None:
    assert [fixed(value, 20.0, 2) for value in (3.14159, -12.0, 0.0, -0.001)] == ["3.1", "−12.0", "0.0", "0.0"]
    assert [fixed(value, 1.0, sign="+") for value in (0.5, -0.5, 0.0, 0.001)] == ["+0.50", "−0.50", "0.00", "0.00"]
    assert [fixed(value, 1.0) for value in (float("nan"), float("inf"), 0.0)] == ["–", "–", "0.00"]
    assert fixed(2e-7, 2e-7) == "2e−07"
    assert fixed(0.0, 0.0) == "0"


def test_steps_that_are_not_explained_are_hatched() -> None:
    axes, explained = (Figure().add_subplot() for _ in range(2))
    values = np.array([[1.0], [np.nan], [0.0]])
    draw_attributions(axes, values, 1.0, (0, 1))
    draw_attributions(explained, np.zeros((3, 1)), 1.0, (0, 1))
    (ground,) = axes.patches
    assert ground.get_hatch()
    assert to_hex(ground.get_facecolor()) == theme_color("missing")
    image = axes.images[0]
    colors = image.cmap(image.norm(image.get_array()))
    assert colors[0, :, 3].tolist() == [1, 0, 1]
    assert not explained.patches
