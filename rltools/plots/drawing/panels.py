"""The panels of a timeline: score, actions and features over the steps of an episode, inset into the main axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import action_color, feature_color, signed_colors, theme_color
from rltools.plots.drawing.labels import number
from rltools.plots.drawing.legends import MAX_ACTIONS, Extent, action_labels, legend_beside, most_taken, others_label
from rltools.plots.drawing.style import keep_spines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


COLUMNS = 720
"""Approximate width of a panel in pixels."""


def score_panel(axes: Axes, extent: Extent, scores: np.ndarray, name: str) -> None:
    """Draw the explained score `[step]` over time."""
    panel = _panel(axes, extent, f"score\n{name}")
    draw_line(panel, scores, theme_color("ink"))
    two_ticks(panel, scores)


def action_panel(axes: Axes, extent: Extent, actions: np.ndarray, names: Sequence[str], start: int | None) -> None:
    """Draw the actions taken: a strip of colors for discrete ones, a line for each dimension of continuous ones."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    panel = _panel(axes, extent, "action")
    texts = action_labels(names)
    handles: list[Artist]
    if start is not None:
        positions = actions.astype(np.int64) - start
        named, other_count = most_taken(positions)
        colors = {position: action_color(position) for position in named}
        strip = np.array([_rgb(colors.get(position, theme_color("muted"))) for position in positions.tolist()])
        panel.imshow(strip[None], aspect="auto", extent=(-0.5, len(actions) - 0.5, 0, 1), interpolation="nearest")
        panel.set_yticks([])
        handles = [Patch(color=color) for color in colors.values()]
        labels = [*(texts[position] for position in named), *others_label(other_count)]
        handles += [Patch(color=theme_color("muted"))] if other_count else []
    else:
        columns = actions.reshape(len(actions), -1)
        named = list(range(min(MAX_ACTIONS, columns.shape[1])))
        for position in named:
            draw_line(panel, columns[:, position], action_color(position))
        two_ticks(panel, columns[:, named])
        handles = [Line2D([], [], color=action_color(position)) for position in named]
        other_count = columns.shape[1] - len(named)
        labels = [texts[position] for position in named]
        if other_count:
            handles, labels = [*handles, Line2D([], [], linestyle="")], [*labels, f"{other_count} more not shown"]
    legend_beside(axes, handles, labels)


def feature_panel(axes: Axes, extent: Extent, position: int, name: str) -> Axes:
    """An empty panel for the feature at this position, marked with its color."""
    panel = _panel(axes, extent, name)
    panel.spines["left"].set(visible=True, linewidth=3, color=feature_color(position))
    return panel


def draw_feature(panel: Axes, values: np.ndarray, attributions: np.ndarray, largest: float) -> None:
    """Draw a feature's values `[step]` as a line, and below it its attributions `[step]` as colors."""
    low, high = two_ticks(panel, values)
    bottom = low - 0.7 * (high - low)
    # Below and not behind: a value that oscillates would hide the colors.
    draw_attributions(panel, attributions[:, None], largest, (bottom, low))
    panel.set_ylim(bottom, high)
    draw_line(panel, values, theme_color("ink"))


def draw_attributions(panel: Axes, values: np.ndarray, largest: float, y: tuple[float, float]) -> None:
    """Draw attributions as colors, the first row at the top; of the steps in a column of pixels the largest is shown.

    Args:
        panel: axes with steps on the x axis.
        values: float `[step, row]`, NaN for steps that were not explained.
        largest: end of the color scale, above and below zero.
        y: lower end of the last row, and upper end of the first.
    """
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    parts = np.array_split(np.arange(len(values)), min(COLUMNS, len(values)))
    strongest = np.stack([part[0] + sizes[part].argmax(axis=0) for part in parts])
    panel.imshow(
        np.ma.masked_invalid(np.take_along_axis(values, strongest, axis=0)).T,
        aspect="auto",
        extent=(-0.5, len(values) - 0.5, *y),
        cmap=signed_colors(),
        vmin=-largest,
        vmax=largest,
        interpolation="nearest",
        rasterized=True,
    )


def _panel(axes: Axes, extent: Extent, name: str) -> Axes:
    from matplotlib.transforms import ScaledTranslation

    panel = axes.inset_axes((0, extent[0], 1, extent[1]))
    panel.set_xlim(axes.get_xlim())
    panel.set_autoscalex_on(False)
    panel.set_xticks([])
    panel.set_ylabel(name, rotation=0, ha="right", va="center", ma="right", fontsize="small", parse_math=False)
    figure = axes.get_figure(root=True)
    if figure is not None:
        beyond_ticks = ScaledTranslation(-0.66, 0, figure.dpi_scale_trans)
        panel.yaxis.set_label_coords(0, 0.5, transform=panel.transAxes + beyond_ticks)
    panel.tick_params(labelsize="x-small", length=2)
    keep_spines(panel)
    return panel


def draw_line(panel: Axes, values: np.ndarray, color: str) -> None:
    """Draw numbers `[step]` as a line over the episode."""
    width = 1.0 if len(values) <= 200 else 0.7
    # A value between two gaps has no line, so it needs a marker.
    finite = np.pad(np.isfinite(values), 1)
    isolated = np.flatnonzero(finite[1:-1] & ~finite[:-2] & ~finite[2:]).tolist()
    # A binary value does not pass through the values between 0 and 1.
    steps = "steps-mid" if np.isin(values, (0, 1)).all() else "default"
    panel.plot(values, color=color, linewidth=width, marker=".", markevery=isolated, markersize=3, drawstyle=steps)


def two_ticks(panel: Axes, values: np.ndarray) -> tuple[float, float]:
    """Put ticks at the minimum and the maximum only; returns the limits it sets, with a margin."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    margin = 0.12 * (high - low) or abs(high) or 1.0
    panel.set_ylim(low - margin, high + margin)
    ticks = [low, high] if high > low else [low]
    panel.set_yticks(ticks, labels=[number(tick) for tick in ticks])
    return low - margin, high + margin


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)
