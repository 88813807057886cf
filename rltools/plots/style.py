"""What all plots have in common: colours, canvas, titles, and what is said of a summary."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import ArgumentError
from rltools.plots.text import plain, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from rltools.summary import Summary

INK, GREY, PALE = "#222222", "#666666", "#dddddd"
DATA_INCHES = 4.3
"""Width of the data in a plot's own figure, whatever the names beside it."""
PART_FOR_DATA = 0.6
"""Of given axes: names and scales take the rest, how much is known only once all is laid out."""
CHARACTERS_PER_INCH = 15
"""Of small print."""
# Okabe and Ito (2008), told apart with any colour vision; yellow last, because it is faint on white.
_FEATURES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#5D5D5D", "#E3D128")


def feature_colour(position: int) -> tuple[float, float, float]:
    """The colour of a feature, by its position, in every plot; lighter, then darker, beyond the first eight."""
    from matplotlib.colors import to_rgb

    colour = np.array(to_rgb(_FEATURES[position % len(_FEATURES)]))
    turn = position // len(_FEATURES) % 3
    red, green, blue = (colour, 1 - (1 - colour) * 0.5, colour * 0.6)[turn]
    return float(red), float(green), float(blue)


def action_colour(position: int) -> str:
    """The colour of an action, by its position, in every plot and in replays."""
    colours = _action_colours()
    return colours[position % len(colours)]


@cache
def _action_colours() -> tuple[str, ...]:
    """From the style sheet that replays use: neither room may import the other."""
    return tuple(
        re.findall(r"--action-\d+: (#[0-9a-f]{6})", files("rltools").joinpath("palette.css").read_text("utf-8"))
    )


def signed_colours() -> Colormap:
    """Purple below zero, white at zero, orange above; grey where nothing was explained."""
    return _part_of("PuOr_r", 0.1, 0.9).with_extremes(bad="#c4c4c4")


def value_colours() -> Colormap:
    """From low, dark violet, to high, yellow."""
    return _part_of("viridis", 0.0, 0.93)


def _part_of(name: str, low: float, high: float) -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"{name} {low}-{high}", colormaps[name](np.linspace(low, high, 256)))


def canvas(axes: Axes | None, height: float, beside: float) -> tuple[Axes, float]:
    """The given axes, or those of a new figure that no global state knows of, and about how wide the data will be.

    Args:
        axes: given, or None.
        height: of a new figure, in inches.
        beside: how many inches of a new figure go to what stands beside the data, which so keeps its width.
    """
    if axes is not None:
        figure = axes.get_figure(root=True)
        return axes, PART_FOR_DATA * axes.get_position().width * (figure.get_figwidth() if figure else 0)
    from matplotlib.figure import Figure

    return Figure(figsize=(DATA_INCHES + beside, height), layout="constrained").subplots(), DATA_INCHES


def heading(axes: Axes, inches: float, title: str, *parts: str) -> None:
    """A title, and beneath it in small print those parts that are not empty, wrapped to a width in inches."""
    from matplotlib.font_manager import FontProperties

    text = wrapped(parts, int(CHARACTERS_PER_INCH * inches))
    lines = text.count("\n") + 1 if text else 0
    size = FontProperties(size="small").get_size_in_points()
    axes.annotate(
        text,
        (0, 1),
        xytext=(0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color=GREY,
        va="bottom",
        linespacing=1.25,
        parse_math=False,
    )
    pad = 7 + lines * size * 1.3
    axes.set_title(title, loc="left", fontsize="medium", fontweight="bold", color=INK, pad=pad, parse_math=False)


def x_label(axes: Axes, inches: float, text: str) -> None:
    """What the x axis shows, broken where it is wider than the data."""
    axes.set_xlabel(textwrap.fill(text, max(20, int(12.5 * inches))), parse_math=False)


def feature_mark(axes: Axes, row: float, position: int) -> None:
    """A square in the colour of a feature beside its name on the y axis."""
    colour = feature_colour(position)
    axes.plot(0, row, "s", color=colour, markersize=5, transform=axes.get_yaxis_transform(), clip_on=False)


def frameless(axes: Axes, *kept: str) -> None:
    """Leave only the spines that carry a scale."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in kept)


def say_nothing_there(axes: Axes) -> None:
    """What a plot of no steps shows."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "no steps", transform=axes.transAxes, ha="center", va="center", color=GREY)


def about(summary: Summary) -> tuple[str, ...]:
    """Whose numbers, where, of how many steps, and of a recurrent policy of which effect."""
    agent = plain(summary.policy, 40)
    where = plain(summary.environment, 40) if summary.environment != summary.policy else ""
    episodes = f"{summary.episodes} episode{'s' if summary.episodes != 1 else ''}"
    counted = f"n = {summary.n:,} step{'s' if summary.n != 1 else ''} of {episodes}"
    return (agent, where, counted, *([summary.effect] if summary.effect else []))


@dataclass(frozen=True)
class Measure:
    """Which number is drawn.

    Attributes:
        name: of the number: `gradient × std`.
        unit: of it.
        scale: `[entry]`, what attributions are multiplied with; None for nothing.
    """

    name: str
    unit: str
    scale: np.ndarray | None


def measure(summary: Summary, standardised: bool | None) -> Measure:
    """What is drawn: attributions, times the standard deviation of their feature where that applies.

    Raises:
        ArgumentError: standardised values of a method that is in units of the score already.
    """
    method = plain(summary.method.replace("_", " "), 40)
    if standardised and summary.deviation is None:
        raise ArgumentError(
            f"standardised=True with {summary.method}, whose values are in units of the {summary.unit} already: only "
            f'those of a method in "score per unit" are multiplied by a deviation; leave standardised out'
        )
    if summary.deviation is None or standardised is False:
        unit = "score per unit of the feature" if summary.deviation is not None else summary.unit
        return Measure(method, unit, None)
    return Measure(f"{method} × std", "score", summary.deviation)


def strongest_label(summary: Summary, label: str | None) -> int:
    """The position of the label asked for, or of the one with the largest mean magnitudes.

    Raises:
        ArgumentError: no such label.
    """
    if label is not None:
        if label not in summary.labels:
            raise ArgumentError(f"label={label!r} is none of those explained: {', '.join(summary.labels)}")
        return summary.labels.index(label)
    statistics = summary.overall
    size = statistics.standardised_mean_absolute or statistics.mean_absolute
    totals = size.value.sum(axis=1)
    return 0 if np.isnan(totals).any() else int(totals.argmax())


def label_note(summary: Summary, label: str | None) -> str:
    """What to say where one label of several is drawn because it is the strongest."""
    return "" if label is not None or len(summary.labels) == 1 else f"strongest of {len(summary.labels)} targets"


def some_of(shown: int, there: int) -> str:
    """What to say where not every feature is drawn."""
    return "" if shown == there else f"top {shown} of {there} features"
