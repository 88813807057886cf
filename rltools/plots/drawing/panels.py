"""The panels of a timeline: score, actions and features over the steps of an episode, inset into the main axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import action_color, signed_colors, theme_color
from rltools.plots.drawing.labels import number
from rltools.plots.drawing.legends import MAX_ACTIONS, Extent, action_labels, legend_beside, most_taken, others_label
from rltools.plots.drawing.style import keep_spines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


COLUMNS = 720
"""Approximate width of a panel in pixels."""
_FEW_VALUES = 12
"""The most different whole numbers that are drawn as steps."""


def score_panel(axes: Axes, extent: Extent, scores: np.ndarray, name: str) -> None:
    """Draw the explained score `[step]` over time, with a line at zero."""
    panel = _panel(axes, extent, name)
    draw_line(panel, scores, theme_color("ink"))
    low, high = round_ticks(panel, scores)
    if low < 0 < high:
        panel.axhline(0, color=theme_color("muted"), linewidth=0.7, zorder=0)


def action_panel(axes: Axes, extent: Extent, actions: np.ndarray, names: Sequence[str], start: int | None) -> None:
    """Draw the actions taken: a strip of colors for discrete ones, a line for each dimension of continuous ones."""
    from matplotlib.lines import Line2D

    panel = _panel(axes, extent, "action")
    if start is not None:
        positions = actions.astype(np.int64) - start
        draw_runs(panel, positions, (0, 1))
        panel.set_ylim(0, 1)
        panel.set_yticks([])
        action_legend(axes, positions, names)
        return
    columns = actions.reshape(len(actions), -1)
    named = list(range(min(MAX_ACTIONS, columns.shape[1])))
    for position in named:
        draw_line(panel, columns[:, position], action_color(position))
    round_ticks(panel, columns[:, named])
    handles = [Line2D([], [], color=action_color(position)) for position in named]
    texts, other_count = action_labels(names), columns.shape[1] - len(named)
    labels = [texts[position] for position in named]
    if other_count:
        handles, labels = [*handles, Line2D([], [], linestyle="")], [*labels, f"{other_count} more not shown"]
    legend_beside(axes, handles, labels)


def draw_runs(panel: Axes, positions: np.ndarray, y: tuple[float, float]) -> None:
    """Draw discrete actions `[step]` as a strip: a block of color for each run of the same action; rare ones in gray.

    Args:
        panel: axes with steps on the x axis.
        positions: int64 `[step]`, the positions of the actions taken.
        y: the lower end and the height of the strip.
    """
    named, _ = most_taken(positions)
    starts = np.flatnonzero(np.diff(positions, prepend=positions[:1] - 1))
    ends = np.append(starts[1:], len(positions))
    colored = np.where(np.isin(positions[starts], named), positions[starts], -1)
    for position in np.unique(colored).tolist():
        of_action = colored == position
        runs = [(start - 0.5, end - start) for start, end in zip(starts[of_action], ends[of_action], strict=True)]
        color = theme_color("muted") if position < 0 else action_color(position)
        panel.broken_barh(runs, y, facecolors=color, linewidth=0, antialiased=False)


def action_legend(axes: Axes, positions: np.ndarray, names: Sequence[str]) -> None:
    """Name the colors of the discrete actions taken, int64 `[step]`, on the right of the axes."""
    from matplotlib.patches import Patch

    named, other_count = most_taken(positions)
    texts = action_labels(names)
    colors = [*map(action_color, named), *([theme_color("muted")] if other_count else [])]
    labels = [*(texts[position] for position in named), *others_label(other_count)]
    legend_beside(axes, [Patch(color=color) for color in colors], labels)


def feature_panel(axes: Axes, extent: Extent, name: str) -> Axes:
    """An empty panel for a feature."""
    return _panel(axes, extent, name)


def draw_feature(panel: Axes, values: np.ndarray, attributions: np.ndarray, largest: float) -> None:
    """Draw a feature's values `[step]` as a line, and below it its attributions `[step]` as colors."""
    low, high = round_ticks(panel, values)
    bottom = low - 0.7 * (high - low)
    # Below and not behind: a value that oscillates would hide the colors.
    draw_attributions(panel, attributions[:, None], largest, (bottom, low))
    panel.set_ylim(bottom, high)
    draw_line(panel, values, theme_color("ink"))


def draw_attributions(
    panel: Axes, values: np.ndarray, largest: float, y: tuple[float, float], columns: int = COLUMNS
) -> None:
    """Draw attributions as colors, the first row at the top; of the steps in a column of pixels the largest is shown.

    Steps that were not explained are gray and hatched, so that they do not look like zero.

    Args:
        panel: axes with steps on the x axis.
        values: float `[step, row]`, NaN for steps that were not explained.
        largest: end of the color scale, above and below zero.
        y: lower end of the last row, and upper end of the first.
        columns: width of the panel in pixels, about.
    """
    if not np.isfinite(values).all():
        _draw_missing(panel, (-0.5, min(y)), len(values), abs(y[1] - y[0]))
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    parts = np.array_split(np.arange(len(values)), min(columns, len(values)))
    strongest = np.stack([part[0] + sizes[part].argmax(axis=0) for part in parts])
    panel.imshow(
        np.ma.masked_invalid(np.take_along_axis(values, strongest, axis=0)).T,
        aspect="auto",
        extent=(-0.5, len(values) - 0.5, *y),
        cmap=signed_colors().with_extremes(bad="none"),
        vmin=-largest,
        vmax=largest,
        interpolation="nearest",
        rasterized=True,
    )


def _draw_missing(panel: Axes, corner: tuple[float, float], width: float, height: float) -> None:
    """Draw what lies below attributions, and is seen where there are none."""
    from matplotlib.patches import Rectangle

    look = Rectangle(corner, width, height, linewidth=0, zorder=-1, hatch="////")
    look.set(facecolor=theme_color("missing"), edgecolor=theme_color("paper"))
    panel.add_patch(look)


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
    panel.tick_params(labelsize="small", length=2)
    keep_spines(panel)
    return panel


def draw_line(panel: Axes, values: np.ndarray, color: str) -> None:
    """Draw numbers `[step]` as a line over the episode."""
    width = 1.0 if len(values) <= 200 else 0.7
    # A value between two gaps has no line, so it needs a marker.
    finite = np.pad(np.isfinite(values), 1)
    isolated = np.flatnonzero(finite[1:-1] & ~finite[:-2] & ~finite[2:]).tolist()
    # A choice or a flag does not pass through the values between its own.
    whole = values[np.isfinite(values)]
    steps = "steps-mid" if len(np.unique(whole)) <= _FEW_VALUES and (whole == np.round(whole)).all() else "default"
    panel.plot(values, color=color, linewidth=width, marker=".", markevery=isolated, markersize=3, drawstyle=steps)


def two_ticks(panel: Axes, values: np.ndarray) -> tuple[float, float]:
    """Put ticks at the minimum and the maximum only; returns the limits it sets, with a margin."""
    low, high, limits = _limits(panel, values)
    ticks = [low, high] if high > low else [low]
    panel.set_yticks(ticks, labels=[number(tick) for tick in ticks])
    return limits


def round_ticks(panel: Axes, values: np.ndarray) -> tuple[float, float]:
    """Put two ticks at round numbers around all values; returns the limits it sets, with a margin."""
    from matplotlib.ticker import MaxNLocator

    low, high, limits = _limits(panel, values)
    ticks = [low]
    if high > low:
        rounded = np.asarray(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
        ticks = [
            float(max(each for each in rounded if each <= low)),
            float(min(each for each in rounded if each >= high)),
        ]
        margin = 0.12 * (ticks[1] - ticks[0])
        limits = (ticks[0] - margin, ticks[1] + margin)
        panel.set_ylim(limits)
    panel.set_yticks(ticks, labels=[number(tick) for tick in ticks])
    return limits


def _limits(panel: Axes, values: np.ndarray) -> tuple[float, float, tuple[float, float]]:
    """The smallest and the largest value, and the limits of the panel that are set around them."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    margin = 0.12 * (high - low) or abs(high) or 1.0
    panel.set_ylim(low - margin, high + margin)
    return low, high, (low - margin, high + margin)
