"""What all plots have in common: canvas, titles, and what is said of a summary.

Plots are drawn for a screen; for a paper they are drawn and saved within `printed`:

```python
from rltools.plots.drawing.style import printed

with printed():
    rltools.plots.importance(recording).figure.savefig("importance.pdf")
```
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import ArgumentError
from rltools.plots.drawing.colors import GRAY, INK, feature_color
from rltools.plots.drawing.labels import plain, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.summary import Summary

SCREEN_POINTS, PRINT_POINTS = 10.0, 8.0
"""Sizes of text; all lengths in inches here are those of a screen."""
DATA_INCHES = 4.3
"""Width of the data in a plot's own figure, whatever the names beside it."""
PART_FOR_DATA = 0.6
"""Of given axes: names and scales take the rest, how much is known only once all is laid out."""
CHARACTERS_PER_INCH = 15
"""Of small print."""
TITLE_CHARACTERS_PER_INCH = 13
SMALL_PRINT = "small print: "
"""What the label of the text beneath a title begins with; nobody sees it, and its parts follow."""


@contextmanager
def printed(points: float = PRINT_POINTS) -> Iterator[None]:
    """Within it plots are drawn for a paper: smaller text in a smaller figure, and text that stays text in a PDF.

    Whatever else was set in matplotlib holds again afterwards. Save within it, too: ticks are made when they are drawn.

    Args:
        points: size of the text; a figure shrinks with it, from that of a screen with 10 points.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.style import printed
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> with printed():
        ...     figure = rltools.plots.importance(recording).figure
        ...     figure.savefig("importance.pdf")
    """
    from matplotlib import rc_context

    with rc_context(
        {
            "font.size": points,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "savefig.dpi": 300,
            # Type 42 is TrueType: many journals refuse Type 3, matplotlib's own choice.
            "pdf.fonttype": 42,
            "ps.fonttype": 42,
        }
    ):
        yield


def _text_scale() -> float:
    from matplotlib import rcParams

    return float(rcParams["font.size"]) / SCREEN_POINTS


def canvas(axes: Axes | None, height: float, beside: float) -> tuple[Axes, float]:
    """The given axes, or those of a new figure that no global state knows of, and about how wide the data will be.

    All in inches for text of 10 points: a new figure grows and shrinks with the text.

    Args:
        axes: given, or None.
        height: of a new figure.
        beside: how much of a new figure's width goes to what stands beside the data, which so keeps its width.
    """
    scale = _text_scale()
    if axes is not None:
        figure = axes.get_figure(root=True)
        inches = axes.get_position().width * (figure.get_figwidth() if figure else 0)
        return axes, PART_FOR_DATA * inches / scale
    from rltools.plots.drawing.notebook_figure import new_axes

    return new_axes(((DATA_INCHES + beside) * scale, height * scale)), DATA_INCHES


def heading(axes: Axes, inches: float, title: str, *parts: str) -> None:
    """A title, and beneath it in small print those parts that are not empty, wrapped to a width in inches."""
    from matplotlib.font_manager import FontProperties

    text = wrapped(parts, int(CHARACTERS_PER_INCH * inches))
    lines = text.count("\n") + 1 if text else 0
    size = FontProperties(size="small").get_size_in_points()
    beneath = axes.annotate(
        text,
        (0, 1),
        xytext=(0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color=GRAY,
        va="bottom",
        linespacing=1.25,
        parse_math=False,
    )
    beneath.set_label(SMALL_PRINT + ", ".join(filter(None, parts)))
    pad = 7 + lines * size * 1.3
    broken = textwrap.fill(title, max(20, int(TITLE_CHARACTERS_PER_INCH * inches)))
    font = {"fontsize": "medium", "fontweight": "bold", "verticalalignment": "bottom"}
    axes.set_title(broken, font, loc="left", color=INK, pad=pad, parse_math=False)


def x_label(axes: Axes, inches: float, text: str) -> None:
    """What the x axis shows, broken where it is wider than the data."""
    axes.set_xlabel(textwrap.fill(text, max(20, int(12.5 * inches))), parse_math=False)


def feature_mark(axes: Axes, row: float, position: int) -> None:
    """A square in the color of a feature beside its name on the y axis."""
    color = feature_color(position)
    axes.plot(0, row, "s", color=color, markersize=5, transform=axes.get_yaxis_transform(), clip_on=False)


def frameless(axes: Axes, *kept: str) -> None:
    """Leave only the spines that carry a scale."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in kept)


def say_nothing_there(axes: Axes) -> None:
    """What a plot of no steps shows."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "no steps", transform=axes.transAxes, ha="center", va="center", color=GRAY)


def about(summary: Summary) -> tuple[str, ...]:
    """Whose numbers, where, what tells them apart, of how many steps, and of a recurrent policy of which effect."""
    agent = plain(summary.policy, 40)
    where = plain(summary.environment, 40) if summary.environment != summary.policy else ""
    episodes = f"{summary.episodes} episode{'s' if summary.episodes != 1 else ''}"
    counted = f"n = {summary.n:,} step{'s' if summary.n != 1 else ''} of {episodes}"
    return (agent, where, plain(summary.apart, 60), counted, *([summary.effect] if summary.effect else []))


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


def measure(summary: Summary, standardized: bool | None) -> Measure:
    """What is drawn: attributions, times the standard deviation of their feature where that applies.

    Raises:
        ArgumentError: standardized values of a method that is in units of the score already.
    """
    method = plain(summary.method.replace("_", " "), 40)
    if standardized and summary.std is None:
        raise ArgumentError(
            f"standardized=True with {summary.method}, whose values are in units of the {summary.unit} already: only "
            f'those of a method in "score per unit" are multiplied by a deviation; leave standardized out'
        )
    if summary.std is None or standardized is False:
        unit = "score per unit of the feature" if summary.std is not None else summary.unit
        return Measure(method, unit, None)
    return Measure(f"{method} × std", "score", summary.std)


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
    size = statistics.standardized_mean_absolute or statistics.mean_absolute
    totals = size.value.sum(axis=1)
    return 0 if np.isnan(totals).any() else int(totals.argmax())


def label_note(summary: Summary, label: str | None) -> str:
    """What to say where one label of several is drawn because it is the strongest."""
    return "" if label is not None or len(summary.labels) == 1 else f"strongest of {len(summary.labels)} targets"


def some_of(shown: int, there: int) -> str:
    """What to say where not every feature is drawn."""
    return "" if shown == there else f"top {shown} of {there} features"
