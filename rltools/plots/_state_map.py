"""Where in the space of states which features matter, and what is done there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import ArgumentError
from rltools.plots.drawing.colors import INK, PALE, share_colors
from rltools.plots.drawing.dots import MOST, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import LONGEST, feature_labels, number, plain
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.style import (
    Measure,
    about,
    canvas,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    strongest_label,
)
from rltools.summary import cell_means, component_plane, explained_points, feature_plane, stride_for, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Cells, Plane, Points, Summary

ARROW_CELLS, MAGNITUDE_CELLS = 12, 30
LEAST = 3
"""A cell with fewer steps has no arrow."""
_ARROW = 0.38
"""Inches, the longest."""
SHOWN = ("arrows", "magnitude")


def state_map(
    recording: Recording,
    features: tuple[str, str] | None = None,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    show: str = "arrows",
    standardized: bool | None = None,
) -> Axes:
    """The visited states on a plane, colored by what was done there, with arrows for what attributions say there.

    An arrow is the mean over a cell's steps: to the right as far as the score rises with the direction along x, upwards
    as far as with that along y. Discrete actions give the dots their colors, otherwise the explained score does.

    Args:
        recording: with at least one attribution.
        features: the names of two, which are the axes; by default the first two principal components of all features,
            each divided by its standard deviation.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        show: "arrows", or "magnitude" for the mean magnitude of all features' attributions in place of dots and arrows.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such feature.
        ArgumentError: no such label, or nothing of this name to show; standardized values of a method whose values are
            in units of the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.state_map(recording, features=("pole angle", "pole angular velocity"))
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('pole angle (rad)', 'pole angular velocity (rad/s)')
    """
    if show not in SHOWN:
        raise ArgumentError(f"show={show!r} is none of {', '.join(SHOWN)}")
    summary = summarize(recording, method=method, target=target)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    stride = stride_for(summary.n)
    points = explained_points(recording, summary.key, label=at_label, stride=stride, scale=shown.scale)
    chosen = None if features is None else [summary.position(name) for name in features]
    plane = component_plane(points) if chosen is None else feature_plane(points, *chosen)
    arrows = show == "arrows"
    cells = cell_means(points, plane, cells=ARROW_CELLS if arrows else MAGNITUDE_CELLS, least=LEAST if arrows else 1)
    axes, width = canvas(axes, 4.6, 2.3)
    _name_axes(axes, summary, plane, chosen)
    frameless(axes, "bottom", "left")
    name = plain(summary.labels[at_label], 30)
    drawn = slice(None, None, stride_for(len(points.values), MOST))
    dots = len(points.values[drawn])
    notes = (
        label_note(summary, label),
        f"{dots:,} evenly spread steps drawn" if arrows and dots < points.n else "",
        _said(summary, cells, shown, name, arrows=arrows),
    )
    title = "What the agent does where" if arrows else "Where attributions are large"
    heading(axes, width, title, *about(summary), *notes)
    if dots == 0:
        say_nothing_there(axes)
        return axes
    if arrows:
        _dots(axes, points, plane, drawn, name)
        _arrows(axes, cells)
    else:
        _magnitudes(axes, cells, f"mean sum of |{shown.name}|\nin a cell ({shown.unit})")
    return axes


def _name_axes(axes: Axes, summary: Summary, plane: Plane, chosen: Sequence[int] | None) -> None:
    if chosen is not None:
        names = feature_labels([summary.features[at] for at in chosen], [summary.units[at] for at in chosen])
    else:
        names = [_component(summary, plane, at) for at in range(2)]
    size = "medium" if chosen is not None else "small"
    axes.set_xlabel(names[0], parse_math=False, fontsize=size)
    axes.set_ylabel(names[1], parse_math=False, fontsize=size)


def _component(summary: Summary, plane: Plane, at: int) -> str:
    """`component 1 (38 % of the variance)`, and beneath it the features with the largest weights."""
    weights = plane.weights[at]
    largest = [place for place in np.argsort(-np.abs(weights), kind="stable")[:2] if weights[place]]
    parts = [f"{number(round(weights[place], 2))} {plain(summary.features[place], 30)}" for place in largest]
    between = " + " if sum(map(len, parts)) <= LONGEST else "\n+ "
    if not parts:
        return f"component {at + 1}: nothing varies"
    made = between.join(parts).replace("+ −", "− ") + (" …" if np.count_nonzero(weights) > len(largest) else "")
    return f"component {at + 1} ({100 * plane.explained[at]:.0f} % of the variance)\n{made}"


def _said(summary: Summary, cells: Cells, shown: Measure, name: str, *, arrows: bool) -> str:
    if not arrows:
        return f"|{shown.name}| of all features on {name}"
    longest = float(np.hypot(*cells.along.T).max(initial=0))
    if not len(cells.counts):
        return f"no arrows of {shown.name} on {name}: no cell has {LEAST} steps"
    return (
        f"arrows: mean {shown.name} on {name} along both axes, in cells of at least {LEAST} steps; the longest is "
        f"{number(longest)} ({shown.unit})"
    )


def _dots(axes: Axes, points: Points, plane: Plane, drawn: slice, name: str) -> None:
    places, scores = plane.places[drawn], points.scores[drawn]
    if points.action_names:
        colors = color_by_action(axes, points.actions[drawn], points.action_names)
    else:
        colors = color_by_value(axes, scores, f"score {name}")
    draw_dots(axes, places[:, 0], places[:, 1], colors)
    axes.margins(0.1)  # arrows reach beyond the outermost dots


def _arrows(axes: Axes, cells: Cells) -> None:
    from matplotlib.patheffects import Normal, Stroke

    longest = float(np.hypot(*cells.along.T).max(initial=0))
    if longest == 0:
        return
    axes.quiver(
        *cells.places.T,
        *cells.along.T,
        # Both parts are in units of the score, so that lengths compare; what a step along an axis is, does not count.
        angles="uv",
        units="inches",
        scale_units="inches",
        scale=longest / _ARROW,
        width=0.018,
        color=INK,
        zorder=3,
        path_effects=[Stroke(linewidth=1.6, foreground="white"), Normal()],
    )


def _magnitudes(axes: Axes, cells: Cells, name: str) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    corners = cells.centers - cells.sides / 2
    high = float(np.percentile(cells.magnitude, 98)) if len(cells.magnitude) else 0.0
    high = high or float(cells.magnitude.max(initial=0)) or 1.0
    patches = [Rectangle((x, y), *cells.sides) for x, y in corners]
    colors = share_colors()
    axes.add_collection(
        PatchCollection(patches, facecolors=colors(cells.magnitude / high), edgecolors=PALE, linewidths=0.4)
    )
    axes.autoscale_view()
    color_bar(axes, colors, (0.0, high), name, ("{}", "≥ {}"))
