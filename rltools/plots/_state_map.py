"""Actions, and the shares of features, by position in the space of visited states."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import ArgumentError
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import share_colors, theme_color
from rltools.plots.drawing.dots import MAX_DOTS, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import LONGEST, number, plain
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words, score_words
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

CELLS = 16
"""Cells along each side of a map."""
MIN_STEPS = 3
"""The fewest steps of a cell."""
TOP = 4
_DATA = 6.4
"""The width of all maps of a new figure, in inches."""
_NARROW = 3.5
"""Below so many inches the maps of shares stand one below the other."""
_SPLIT, _TITLE = 0.5, 0.09
"""Where the maps begin, and the height of their titles, as fractions of the axes."""
SHOW_CHOICES = ("features", "magnitude")


@plot(
    chapter=Chapter.ACTIONS,
    caption="Where the agent goes and what it does there: each dot is one step. Beside it, in the same places, the "
    "share of each of the leading features in what moves the score: dark where it leads.",
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
    show: str = "features",
    standardized: bool | None = None,
    top: int = TOP,
) -> Axes:
    """Visited states on a plane, colored by the action taken, beside maps of what matters where.

    A map has a cell for each place with enough steps, as dark as the share of a feature in the magnitudes there. Dots
    are colored by the action if it is discrete, otherwise by the explained score.

    Args:
        recording: recording with at least one attribution.
        features: names of the two features on the axes; by default the first two principal components of the
            features, each divided by its standard deviation.
        axes: axes into which all maps are inset; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:positions", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        show: "features", or "magnitude" for a single map of the mean sum of absolute attributions.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of maps, each of one feature.

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
        ('y position (half viewport heights)', 'y velocity / (7.5 length units/s)')
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
    cells = cell_means(points, plane, cells=CELLS, least=MIN_STEPS)
    order = [ranked.position for ranked in summary.top(top)]
    axes, width = canvas(axes, 4.4, 1.9, _DATA)
    names = _axis_names(summary, plane, positions)
    # Beyond the numbers of the first map, which is inset.
    axes.set_xlabel(names[0], parse_math=False, fontsize="small", loc="left", labelpad=15)
    axes.set_ylabel(names[1], parse_math=False, fontsize="small", labelpad=34)
    axes.set_xticks([])
    axes.set_yticks([])
    keep_spines(axes)
    name = summary.labels[label_index]
    sample = slice(None, None, stride_for(len(points.values), MAX_DOTS))
    dots = len(points.values[sample])
    maps = show == "features"
    notes = (
        label_note(summary, label),
        f"{dots:,} evenly spread steps drawn" if dots < points.n else "",
        effect_words(quantity, name),
        "" if len(cells.counts) else f"no cell has {MIN_STEPS} steps",
    )
    title = "What the agent does and looks at where" if maps else "Where attributions are large"
    heading(axes, width, title, *describe(summary), *notes)
    if dots == 0:
        draw_no_steps(axes)
        return axes
    limits = _limits(plane.places)
    panel = _panel(axes, (0, 0, _SPLIT - 0.03, 1), limits)
    _draw_dots(panel, axes, points, plane, sample, name)
    if not maps:
        if len(cells.counts):
            tell(axes, f"largest mean of a cell {number(float(cells.magnitude.max()))}")
        _draw_magnitudes(_panel(axes, (_SPLIT, 0, 1 - _SPLIT, 1), limits), axes, cells, quantity)
        return axes
    labels = labels_of(summary, order, units=False)
    centers = [f"around {number(x)}, {number(y)}" for x, y in cells.centers.tolist()]
    tell(axes, largest_text(100 * cells.share[:, order].T, labels, centers, "share in percent"))
    _draw_shares(axes, cells, order, labels, width, limits)
    return axes


def _axis_names(summary: Summary, plane: Plane, positions: Sequence[int] | None) -> list[str]:
    if positions is not None:
        return labels_of(summary, positions)
    return [_component(summary, plane, index) for index in range(2)]


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


def _limits(places: np.ndarray) -> np.ndarray:
    """The lower and the upper limits of both axes, with a margin: `[2, axis]`."""
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.where(high > low, 0.04 * (high - low), 1.0)
    return np.stack([low - margin, high + margin])


def _panel(axes: Axes, extent: tuple[float, float, float, float], limits: np.ndarray) -> Axes:
    panel = axes.inset_axes(extent)
    panel.set_xlim(*limits[:, 0])
    panel.set_ylim(*limits[:, 1])
    panel.tick_params(labelsize="small", length=2)
    keep_spines(panel, "bottom", "left")
    return panel


def _draw_dots(panel: Axes, axes: Axes, points: Points, plane: Plane, sample: slice, name: str) -> None:
    """Draw a dot for each step; the legend stands beside the maps."""
    places, scores = plane.places[sample], points.scores[sample]
    if points.action_names:
        colors = color_by_action(axes, points.actions[sample], points.action_names)
    else:
        colors = color_by_value(axes, scores, score_words(name), extent=(0.55, 0.4))
    draw_dots(panel, places[:, 0], places[:, 1], colors, points.numbers[sample], points.steps[sample])


def _draw_shares(
    axes: Axes, cells: Cells, order: Sequence[int], labels: Sequence[str], width: float, limits: np.ndarray
) -> None:
    """Draw a map of shares for each feature, all on one scale: in two columns if `width` inches have room for them."""
    largest = 100 * float(np.nanmax(cells.share[:, list(order)], initial=0)) or 1.0
    narrow = width < _NARROW
    columns = 2 if len(order) > 1 and not narrow else 1
    rows = -(-len(order) // columns)
    wide, tall = (1 - _SPLIT) / columns, 1 / rows
    characters = max(8, int(11 * width * wide))
    names = [plain(label, 2 * characters if narrow else characters) for label in labels]
    names = ["\n".join(textwrap.wrap(name, characters)[:2]) for name in names] if narrow else names
    title = 0.05 + 0.05 * max(name.count("\n") for name in names) if narrow else _TITLE
    for index, (position, name) in enumerate(zip(order, names, strict=True)):
        row, column = divmod(index, columns)
        extent = (_SPLIT + column * wide + 0.01, 1 - (row + 1) * tall, wide - 0.02, tall - title)
        panel = _panel(axes, extent, limits)
        panel.set_xticks([])
        panel.set_yticks([])
        for spine in panel.spines.values():
            spine.set(visible=True, color=theme_color("line"), linewidth=0.8)
        _draw_cells(panel, cells, 100 * cells.share[:, position] / largest)
        panel.set_title(name, fontsize="small", loc="left", pad=2, color=theme_color("ink"), parse_math=False)
    color_bar(axes, share_colors(), (0.0, largest), "share (%)", extent=(0.02, 0.4))


def _draw_magnitudes(panel: Axes, axes: Axes, cells: Cells, quantity: Measure) -> None:
    limit = float(np.percentile(cells.magnitude, 98)) if len(cells.magnitude) else 0.0
    limit = limit or float(cells.magnitude.max(initial=0)) or 1.0
    panel.set_yticks([])
    _draw_cells(panel, cells, cells.magnitude / limit)
    name = f"mean sum of |{quantity.name}|,\nin {quantity.unit}"
    color_bar(axes, share_colors(), (0.0, limit), name, ("{}", "≥ {}"), extent=(0.02, 0.4))


def _draw_cells(panel: Axes, cells: Cells, parts: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    patches = [Rectangle((x, y), *cells.sides) for x, y in cells.centers - cells.sides / 2]
    colors = share_colors()(np.ma.masked_invalid(parts))
    panel.add_collection(PatchCollection(patches, facecolors=colors, edgecolors=theme_color("line"), linewidths=0.3))
