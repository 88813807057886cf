"""The panels of a timeline, each in its part of the main axes' place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, action_color, feature_color, signed_colors
from rltools.plots.drawing.labels import number, plain
from rltools.plots.drawing.legends import Place, legend_beside
from rltools.plots.drawing.style import frameless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


MOST_ACTIONS = 5
"""So many are named; the others share a color."""
COLUMNS = 720
"""About so many pixels a panel is wide."""


def score_panel(axes: Axes, place: Place, scores: np.ndarray, name: str) -> None:
    """The explained score over time; `place` is bottom and height in parts of the axes."""
    panel = _panel(axes, place, f"score\n{name}")
    draw_line(panel, scores, INK)
    two_ticks(panel, scores)


def action_labels(names: Sequence[str]) -> list[str]:
    """The names of actions as a legend has room for them."""
    return [plain(name, 20) for name in names]


def taken_most(positions: np.ndarray) -> tuple[list[int], int]:
    """The actions that a legend names, at most five of those taken `[step]`, in their order; and how many others."""
    different, counts = np.unique(positions, return_counts=True)
    named = sorted(different[np.argsort(-counts, kind="stable")[:MOST_ACTIONS]].tolist())
    return named, len(different) - len(named)


def others(count: int) -> list[str]:
    """What a legend says of actions that share a color; nothing where there are none."""
    return [f"{count} other{'s' if count > 1 else ''}"] if count else []


def action_panel(axes: Axes, place: Place, actions: np.ndarray, names: Sequence[str], start: int | None) -> None:
    """The actions taken: a strip of colors for discrete ones, a line each for continuous ones."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    panel = _panel(axes, place, "action")
    shown = action_labels(names)
    handles: list[Artist]
    if start is not None:
        positions = actions.astype(np.int64) - start
        named, rest = taken_most(positions)
        colors = {at: action_color(at) for at in named}
        strip = np.array([_rgb(colors.get(at, GRAY)) for at in positions.tolist()])
        panel.imshow(strip[None], aspect="auto", extent=(-0.5, len(actions) - 0.5, 0, 1), interpolation="nearest")
        panel.set_yticks([])
        handles = [Patch(color=color) for color in colors.values()]
        labels = [*(shown[at] for at in named), *others(rest)]
        handles += [Patch(color=GRAY)] if rest else []
    else:
        columns = actions.reshape(len(actions), -1)
        named = list(range(min(MOST_ACTIONS, columns.shape[1])))
        for at in named:
            draw_line(panel, columns[:, at], action_color(at))
        two_ticks(panel, columns[:, named])
        handles = [Line2D([], [], color=action_color(at)) for at in named]
        rest = columns.shape[1] - len(named)
        labels = [shown[at] for at in named]
        if rest:
            handles, labels = [*handles, Line2D([], [], linestyle="")], [*labels, f"{rest} more not shown"]
    legend_beside(axes, handles, labels)


def feature_panel(axes: Axes, place: Place, position: int, name: str) -> Axes:
    """The row of the feature at this position, marked with its color."""
    panel = _panel(axes, place, name)
    panel.spines["left"].set(visible=True, linewidth=3, color=feature_color(position))
    return panel


def draw_feature(panel: Axes, values: np.ndarray, attributions: np.ndarray, largest: float) -> None:
    """A feature's values `[step]` as a line, and beneath it its attributions `[step]` as colors."""
    low, high = two_ticks(panel, values)
    bottom = low - 0.7 * (high - low)
    # Beneath and not behind: a value that swings at every step would hide the colors.
    draw_attributions(panel, attributions[:, None], largest, (bottom, low))
    panel.set_ylim(bottom, high)
    draw_line(panel, values, INK)


def draw_attributions(panel: Axes, values: np.ndarray, largest: float, y: tuple[float, float]) -> None:
    """Attributions as colors, the first row uppermost; of steps in one column of pixels the largest is seen.

    Args:
        panel: where, with steps on its x axis.
        values: `[step, row]`, NaN where a step was not explained.
        largest: where the colors end, above and below zero.
        y: where the lowest row ends, and where the uppermost begins.
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


def _panel(axes: Axes, place: Place, name: str) -> Axes:
    from matplotlib.transforms import ScaledTranslation

    panel = axes.inset_axes((0, place[0], 1, place[1]))
    panel.set_xlim(axes.get_xlim())
    panel.set_autoscalex_on(False)
    panel.set_xticks([])
    panel.set_ylabel(name, rotation=0, ha="right", va="center", ma="right", fontsize="small", parse_math=False)
    figure = axes.get_figure(root=True)
    if figure is not None:
        beyond_ticks = ScaledTranslation(-0.66, 0, figure.dpi_scale_trans)
        panel.yaxis.set_label_coords(0, 0.5, transform=panel.transAxes + beyond_ticks)
    panel.tick_params(labelsize="x-small", length=2)
    frameless(panel)
    return panel


def draw_line(panel: Axes, values: np.ndarray, color: str) -> None:
    """Numbers `[step]` as a line over the episode."""
    width = 1.0 if len(values) <= 200 else 0.7
    # A value between two gaps has no line to be seen by.
    finite = np.pad(np.isfinite(values), 1)
    alone = np.flatnonzero(finite[1:-1] & ~finite[:-2] & ~finite[2:]).tolist()
    # What is either 0 or 1 is nothing between.
    steps = "steps-mid" if np.isin(values, (0, 1)).all() else "default"
    panel.plot(values, color=color, linewidth=width, marker=".", markevery=alone, markersize=3, drawstyle=steps)


def two_ticks(panel: Axes, values: np.ndarray) -> tuple[float, float]:
    """Mark the range of the values and nothing between; returns the limits, with some room, that it sets."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    room = 0.12 * (high - low) or abs(high) or 1.0
    panel.set_ylim(low - room, high + room)
    ticks = [low, high] if high > low else [low]
    panel.set_yticks(ticks, labels=[number(tick) for tick in ticks])
    return low - room, high + room


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)
