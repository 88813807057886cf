"""Actions and attributions by position in the space of visited states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import plural
from rltools.errors import ArgumentError
from rltools.plots.drawing.alt import tell
from rltools.plots.drawing.colors import share_colors, theme_color
from rltools.plots.drawing.dots import MAX_DOTS, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import LONGEST, number, plain
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.style import (
    Measure,
    canvas,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    measure,
    strongest_label,
)
from rltools.summary import cell_means, component_plane, explained_points, feature_plane, stride_for, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Cells, Plane, Points, Summary

ARROW_CELLS, MAGNITUDE_CELLS = 12, 30
MIN_STEPS = 3
"""The fewest steps of a cell with an arrow."""
_ARROW_INCHES = 0.38
"""Length of the longest arrow."""
SHOW_CHOICES = ("arrows", "magnitude")


@plot(
    chapter=Chapter.ACTIONS,
    caption="Where the agent goes and what it does there: each dot is one step, an arrow shows the direction in which "
    "the score rises.",
    order=30,
)
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
    """Visited states on a plane, colored by the action taken, with arrows for the mean attributions.

    An arrow is the mean over the steps in a cell; its x and y components are the attributions along the two axes. Dots
    are colored by the action if it is discrete, otherwise by the explained score.

    Args:
        recording: recording with at least one attribution.
        features: names of the two features on the axes; by default the first two principal components of the
            features, each divided by its standard deviation.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:positions", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        show: "arrows", or "magnitude" for the mean sum of absolute attributions instead of dots and arrows.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such feature.
        ArgumentError: there is no such label, `show` is another text, or `standardized` is set for a method in units
            of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=8)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> axes = rltools.plots.state_map(recording, ("y position", "y velocity"))
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('y position (half viewport heights)', 'y velocity (7.5 length units/s)')
    """
    if show not in SHOW_CHOICES:
        raise ArgumentError(f"show={show!r} is not one of {', '.join(SHOW_CHOICES)}")
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    stride = stride_for(summary.n)
    points = explained_points(recording, summary.key, label=label_index, stride=stride, scale=quantity.scale)
    positions = None if features is None else [summary.position(name) for name in features]
    plane = component_plane(points) if positions is None else feature_plane(points, *positions)
    arrows = show == "arrows"
    cells = cell_means(
        points, plane, cells=ARROW_CELLS if arrows else MAGNITUDE_CELLS, least=MIN_STEPS if arrows else 1
    )
    axes, width = canvas(axes, 4.6, 2.3)
    _name_axes(axes, summary, plane, positions)
    keep_spines(axes, "bottom", "left")
    name = plain(summary.labels[label_index], 30)
    sample = slice(None, None, stride_for(len(points.values), MAX_DOTS))
    dots = len(points.values[sample])
    notes = (
        label_note(summary, label),
        f"{dots:,} evenly spread steps drawn" if arrows and dots < points.n else "",
        _arrow_note(summary, cells, quantity, name, arrows=arrows),
    )
    title = "What the agent does where" if arrows else "Where attributions are large"
    heading(axes, width, title, *describe(summary), *notes)
    if dots == 0:
        draw_no_steps(axes)
        return axes
    if len(cells.counts):
        mean = np.hypot(*cells.along.T) if arrows else cells.magnitude
        tell(axes, f"largest mean {number(float(mean.max()))}, of {plural(len(mean), 'cell')}")
    if arrows:
        _draw_dots(axes, points, plane, sample, name)
        _draw_arrows(axes, cells)
    else:
        _draw_magnitudes(axes, cells, f"mean sum of |{quantity.name}|\nin a cell ({quantity.unit})")
    return axes


def _name_axes(axes: Axes, summary: Summary, plane: Plane, positions: Sequence[int] | None) -> None:
    if positions is not None:
        names = labels_of(summary, positions)
    else:
        names = [_component(summary, plane, index) for index in range(2)]
    size = "medium" if positions is not None else "small"
    axes.set_xlabel(names[0], parse_math=False, fontsize=size)
    axes.set_ylabel(names[1], parse_math=False, fontsize=size)


def _component(summary: Summary, plane: Plane, index: int) -> str:
    """`component 1 (38 % of the variance)`, and below it the features with the largest weights."""
    weights = plane.weights[index]
    largest = [position for position in np.argsort(-np.abs(weights), kind="stable")[:2] if weights[position]]
    parts = [f"{number(round(weights[position], 2))} {plain(summary.features[position], 30)}" for position in largest]
    separator = " + " if sum(map(len, parts)) <= LONGEST else "\n+ "
    if not parts:
        return f"component {index + 1}: nothing varies"
    text = separator.join(parts).replace("+ −", "− ") + (" …" if np.count_nonzero(weights) > len(largest) else "")
    return f"component {index + 1} ({100 * plane.explained[index]:.0f} % of the variance)\n{text}"


def _arrow_note(summary: Summary, cells: Cells, quantity: Measure, name: str, *, arrows: bool) -> str:
    if not arrows:
        return f"|{quantity.name}| of all features on {name}"
    longest = float(np.hypot(*cells.along.T).max(initial=0))
    if not len(cells.counts):
        return f"no arrows of {quantity.name} on {name}: no cell has {MIN_STEPS} steps"
    return (
        f"arrows: mean {quantity.name} on {name} along both axes, in cells of at least {MIN_STEPS} steps; "
        f"the longest is {number(longest)} ({quantity.unit})"
    )


def _draw_dots(axes: Axes, points: Points, plane: Plane, sample: slice, name: str) -> None:
    places, scores = plane.places[sample], points.scores[sample]
    if points.action_names:
        colors = color_by_action(axes, points.actions[sample], points.action_names)
    else:
        colors = color_by_value(axes, scores, f"score {name}")
    draw_dots(axes, places[:, 0], places[:, 1], colors)
    axes.margins(0.1)  # arrows reach beyond the outermost dots


def _draw_arrows(axes: Axes, cells: Cells) -> None:
    from matplotlib.patheffects import Normal, Stroke

    longest = float(np.hypot(*cells.along.T).max(initial=0))
    if longest == 0:
        return
    axes.quiver(
        *cells.places.T,
        *cells.along.T,
        # Both components are in units of the score, so lengths are comparable; the scales of the axes do not matter.
        angles="uv",
        units="inches",
        scale_units="inches",
        scale=longest / _ARROW_INCHES,
        width=0.018,
        color=theme_color("ink"),
        zorder=3,
        path_effects=[Stroke(linewidth=1.6, foreground="white"), Normal()],
    )


def _draw_magnitudes(axes: Axes, cells: Cells, name: str) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    corners = cells.centers - cells.sides / 2
    limit = float(np.percentile(cells.magnitude, 98)) if len(cells.magnitude) else 0.0
    limit = limit or float(cells.magnitude.max(initial=0)) or 1.0
    patches = [Rectangle((x, y), *cells.sides) for x, y in corners]
    colors = share_colors()
    axes.add_collection(
        PatchCollection(
            patches, facecolors=colors(cells.magnitude / limit), edgecolors=theme_color("line"), linewidths=0.4
        )
    )
    axes.autoscale_view()
    color_bar(axes, colors, (0.0, limit), name, ("{}", "≥ {}"))
