import numpy as np
import pytest
from matplotlib.figure import Figure

from rltools.errors import ArgumentError
from rltools.plots.drawing.steps import link_dots, link_rows, link_span, linked


def test_dots_without_a_position_are_linked_to_nothing():
    axes = Figure().subplots()
    dots = axes.scatter([0, np.nan, 2], [1, 1, 1])
    link_dots(dots, np.array([4, 5, 6]), np.array([10, 20, 30]))
    (link,) = linked(axes.figure).values()
    assert link.kind == "dots"
    assert link.episode.tolist() == [4, 6]
    assert link.step.tolist() == [10, 30]
    assert dots.get_gid() == "dots-0"


def test_every_bar_is_linked_by_itself():
    axes = Figure().subplots()
    bars = axes.barh([0, 1], [3, 4])
    link_dots(bars.patches, np.array([0, 2]), np.array([5, 6]))
    assert [(link.episode.tolist(), link.step.tolist()) for link in linked(axes.figure).values()] == [
        ([0], [5]),
        ([2], [6]),
    ]
    assert [bar.get_gid() for bar in bars.patches] == list(linked(axes.figure))


def test_spans_and_rows_may_share_axes_and_figures_share_nothing():
    axes, other = (Figure().subplots() for _ in range(2))
    link_span(axes, 7, steps=40)
    link_rows(axes, ["a", "b"])
    assert [link.kind for link in linked(axes.figure).values()] == ["span", "rows"]
    assert linked(axes.figure)["span-0"].episode.tolist() == [7]
    assert linked(axes.figure)["span-0"].step.tolist() == [0, 39]
    assert linked(other.figure) == {}


def test_a_step_is_needed_for_each_mark():
    axes = Figure().subplots()
    with pytest.raises(ArgumentError, match="2 marks are linked to 2 episodes and 1 steps"):
        link_dots(axes.scatter([0, 1], [1, 1]), np.array([0, 0]), np.array([1]))
