"""Bars with arrow heads, and numbers within and beyond them."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from rltools.plots.drawing.bars import draw_arrows, write_in_bars
from rltools.plots.drawing.colors import theme_color


def test_arrows_point_to_their_ends_and_a_short_one_is_all_head() -> None:
    axes = Figure().add_subplot()
    axes.set_xlim(0, 10)
    right, left, short = draw_arrows(axes, 5.0, np.array([1.0, 5.0, 2.0]), np.array([4.0, 3.0, 2.01]))
    assert [float(arrow.get_xy()[2, 0]) for arrow in (right, left, short)] == [4.0, 3.0, 2.01]
    assert to_hex(right.get_facecolor()) == theme_color("raises")
    assert to_hex(left.get_facecolor()) == theme_color("lowers")
    neck = right.get_xy()[1, 0]
    assert 3.8 < neck < 4.0
    assert left.get_xy()[1, 0] == pytest.approx(3 + 4 - neck), "heads have the same length"
    assert short.get_xy()[1, 0] == short.get_xy()[0, 0] == 2.0


def test_a_number_is_within_its_bar_unless_something_is_over_it() -> None:
    axes = Figure().add_subplot()
    axes.set_xlim(0, 10)
    clear = np.array([[np.nan, np.nan], [0.2, 9.5], [np.nan, np.nan]])
    write_in_bars(axes, 5.0, ["30 %", "60 %", "1 %"], np.zeros(3), np.array([3.0, 6.0, 0.1]), clear=clear)
    within, beyond, beside = axes.texts
    assert within.get_color() == theme_color("paper")
    assert [text.get_color() for text in (beyond, beside)] == [theme_color("ink")] * 2
    assert [text.xy[0] for text in (within, beyond, beside)] == [0.0, 9.5, 0.1]
