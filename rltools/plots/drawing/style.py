"""What all plots share: canvas, titles, small print, and the quantity that is drawn.

Plots are drawn for a screen; within `rltools.plots.paper` for a paper, and within `within_page` for a page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from rltools._util.glossary import TERMS, method_title
from rltools._util.text import plural
from rltools.errors import ArgumentError
from rltools.plots.drawing.colors import dark_colors, theme_color
from rltools.plots.drawing.labels import feature_labels, plain, wrapped
from rltools.plots.drawing.paper import current_paper
from rltools.plots.drawing.theme import themed
from rltools.summary import unit_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.summary import Summary

SCREEN_POINTS = 10.0
"""The font size of a screen, for which all lengths in inches are here."""
DATA_INCHES = 4.3
"""Width of the data in a new figure, whatever the width of the labels beside it."""
DATA_FRACTION = 0.6
"""Width of the data in axes of the caller, as a fraction: an estimate, since labels are laid out only when drawn."""
LEAST_DATA_INCHES = 0.8
"""The data of a narrow figure are no narrower, whatever stands beside."""
NARROW_HEADING = 0.5
"""The part of the width of a paper's figure that its heading may take, however narrow the data are."""
MOST_HEADING = 0.4
"""The part of the height of axes of the caller that a heading with small print may take."""
MARGIN_INCHES = 0.1
"""What the layout leaves free at the sides of a figure."""
CHARACTERS_PER_INCH = 15
"""How the small print of a figure is marked."""
TITLE_CHARACTERS_PER_INCH = 13
PAGE_INCHES, LABEL_INCHES = 8.96, 2.29
"""The width of every figure of a page, 860 pixels, and of the labels on its left, 220 pixels."""
HEADING_GID = "heading"
"""How the ids of title and small print begin, which a page writes itself."""
_WITHIN_PAGE: ContextVar[bool] = ContextVar("within_page", default=False)


@contextmanager
def dark() -> Iterator[None]:
    """A context in which plots are drawn for a dark page; their figures stay dark after it.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.style import dark
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=3, max_steps=40), policy, method="gradient")
        >>> with dark():
        ...     figure = rltools.plots.importance(recording).figure
        >>> figure.savefig("importance-dark.png")
    """
    with dark_colors(), themed():
        yield


def _text_scale() -> float:
    from matplotlib import rcParams

    return float(rcParams["font.size"]) / SCREEN_POINTS


@contextmanager
def within_page() -> Iterator[None]:
    """A context in which plots are drawn for one page: of one width, and with their axes one below the other.

    Example:
        >>> import rltools
        >>> from rltools.plots.drawing.style import within_page
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=3, max_steps=40), policy, method="gradient")
        >>> with within_page():
        ...     figures = [plot(recording).figure for plot in (rltools.plots.importance, rltools.plots.beeswarm)]
        >>> [float(figure.get_figwidth()) for figure in figures]
        [8.96, 8.96]
    """
    token = _WITHIN_PAGE.set(True)
    try:
        yield
    finally:
        _WITHIN_PAGE.reset(token)


def canvas(axes: Axes | None, height: float, side_inches: float, data: float = DATA_INCHES) -> tuple[Axes, float]:
    """The axes to draw in, and the approximate width of their data in inches.

    New figures are not registered with pyplot. Lengths are for text of 10 points; a new figure scales with its text.
    Axes of the caller whose figure has no layout get matplotlib's constrained one, without which labels are cut off.

    Args:
        axes: axes of the caller; None for those of a new figure.
        height: height of a new figure, in inches.
        side_inches: width of what stands beside the data in a new figure, such as labels and legends.
        data: width of the data in a new figure, which that of a paper may not have.
    """
    scale = _text_scale()
    width = data_inches(axes, side_inches, data)
    if axes is not None:
        figure = axes.get_figure(root=True)
        if figure is not None and figure.get_layout_engine() is None:
            figure.set_layout_engine("constrained")
        return axes, width
    from rltools.plots.drawing.notebook_figure import new_axes

    paper = current_paper()
    if paper is not None and paper.width is not None:
        return new_axes((paper.width, height * scale)), width
    total = data + side_inches
    if not _WITHIN_PAGE.get():
        return new_axes((total * scale, height * scale)), width
    page = max(total, PAGE_INCHES)
    axes = new_axes((page * scale, height * scale))
    _reserve_left(axes, LABEL_INCHES * scale)
    return axes, max(width, page - max(side_inches, LABEL_INCHES + 0.5))


def data_inches(axes: Axes | None, side_inches: float, data: float = DATA_INCHES) -> float:
    """The width of the data that `canvas` returns for these arguments, before there are axes."""
    scale, paper = _text_scale(), current_paper()
    if axes is not None:
        figure = axes.get_figure(root=True)
        inches = axes.get_position().width * (figure.get_figwidth() if figure else 0)
        return DATA_FRACTION * inches / scale
    if paper is None or paper.width is None:
        return data
    return max(paper.width / scale - side_inches - MARGIN_INCHES, LEAST_DATA_INCHES)


def _reserve_left(axes: Axes, inches: float) -> None:
    """Let the layout leave at least so much room on the left of the axes, with a line that is not drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    figure = axes.figure
    shift = ScaledTranslation(-inches, 0, figure.dpi_scale_trans)
    axes.add_artist(Line2D([0, 0], [0, 1], color="none", transform=axes.transAxes + shift, clip_on=False))


@dataclass(frozen=True)
class Heading:
    """What stands above a plot.

    Attributes:
        title: the title.
        notes: the small print below it.
    """

    title: str
    notes: tuple[str, ...]


_HEADINGS: WeakKeyDictionary[Any, Heading] = WeakKeyDictionary()


def heading_of(axes: Axes) -> Heading:
    """The heading of a plot; both parts are empty if it has none."""
    return _HEADINGS.get(axes, Heading("", ()))


def heading(axes: Axes, inches: float, title: str, *parts: str) -> None:
    """Set the title, and below it the nonempty parts in small print, both wrapped to a width in inches.

    A paper may have neither, and a new figure of it is as high as what it has. In low axes of the caller there is no
    small print. `heading_of` and `caption` know both in any case.
    """
    from rltools.plots.drawing.notebook_figure import NotebookFigure

    _HEADINGS[axes] = Heading(title, tuple(filter(None, parts)))
    paper, figure = current_paper(), axes.get_figure(root=True)
    if paper is not None and paper.width is not None and isinstance(figure, NotebookFigure):
        inches = max(inches, NARROW_HEADING * paper.width / _text_scale())
    wide, high = _wrapped(inches, title, parts), _room_above(axes)
    if figure is not None and high is None and paper is not None:
        usual, drawn = _wrapped(DATA_INCHES, title, parts), wide if paper.caption else ("", "")
        figure.set_figheight(figure.get_figheight() + _heading_inches(*drawn) - _heading_inches(*usual))
    if paper is not None and not paper.caption:
        return
    wrapped_title, text = wide
    if high is not None and _heading_inches(*wide) > high:
        text = ""
    small_print = axes.annotate(
        text,
        (0, 1),
        xytext=(0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color=theme_color("muted"),
        va="bottom",
        linespacing=1.25,
        parse_math=False,
    )
    pad = _small_print_points(text)
    font = {"fontsize": "medium", "fontweight": "bold", "verticalalignment": "bottom"}
    axes_title = axes.set_title(wrapped_title, font, loc="left", color=theme_color("ink"), pad=pad, parse_math=False)
    small_print.set_gid(f"{HEADING_GID}-notes")
    axes_title.set_gid(f"{HEADING_GID}-title")


def _wrapped(inches: float, title: str, parts: Sequence[str]) -> tuple[str, str]:
    """Title and small print with line breaks."""
    return (
        textwrap.fill(title, max(20, int(TITLE_CHARACTERS_PER_INCH * inches))),
        wrapped(parts, int(CHARACTERS_PER_INCH * inches)),
    )


def _small_print_points(text: str) -> float:
    """The height of the small print with the gaps around it, in points."""
    from matplotlib.font_manager import FontProperties

    lines = text.count("\n") + 1 if text else 0
    return 7 + lines * FontProperties(size="small").get_size_in_points() * 1.5


def _heading_inches(title: str, text: str) -> float:
    """The height of title and small print, in inches; 0 if there is neither."""
    from matplotlib import rcParams

    if not title:
        return 0.0
    return (_small_print_points(text) + (title.count("\n") + 1) * float(rcParams["font.size"]) * 1.2) / 72


def _room_above(axes: Axes) -> float | None:
    """How high a heading with small print may be in axes of the caller, in inches; None in a new figure."""
    from rltools.plots.drawing.notebook_figure import NotebookFigure

    figure = axes.get_figure(root=True)
    if figure is None or isinstance(figure, NotebookFigure):
        return None
    return MOST_HEADING * float(axes.get_position().height * figure.get_figheight())


def caption(axes: Axes) -> str:
    """What stands above a plot, or is left out there, as one text: the title, and what was drawn.

    Args:
        axes: the axes that a plot returned.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> with rltools.plots.paper(width=3.3):
        ...     axes = rltools.plots.importance(recording)
        >>> rltools.plots.caption(axes)
        'What the agent looks at: cartpole-ppo; CartPole-v1; n = 120 steps of 3 episodes; ...dots: episodes.'
    """
    above = heading_of(axes)
    return ": ".join(filter(None, (above.title, "; ".join(above.notes)))) + "." if above.title else ""


def set_x_label(axes: Axes, inches: float, text: str) -> None:
    """Set the label of the x axis, wrapped to the width of the data in inches."""
    axes.set_xlabel(textwrap.fill(text, max(20, int(12.5 * inches))), parse_math=False)


def keep_spines(axes: Axes, *visible: str) -> None:
    """Hide all spines but these."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in visible)


def draw_no_steps(axes: Axes, missing: str = "steps") -> None:
    """Draw the text `no steps` in place of a plot, or of what else is missing."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, f"no {missing}", transform=axes.transAxes, ha="center", va="center", color=theme_color("muted"))


def describe(summary: Summary) -> tuple[str, ...]:
    """Small print: agent, environment, settings of the attribution, steps, and effect (of a recurrent policy)."""
    agent = plain(summary.policy, 40)
    environment = plain(summary.environment, 40) if summary.environment != summary.policy else ""
    count = f"n = {plural(summary.n, 'step')} of {plural(summary.episodes, 'episode')}"
    return (agent, environment, plain(summary.apart, 60), count, *([summary.effect] if summary.effect else []))


@dataclass(frozen=True)
class Measure:
    """The quantity that a plot draws.

    Attributes:
        name: the name of the quantity, for instance `gradient × std`.
        unit: its unit, to be read after "in", for instance `units of the score`.
        scale: float `[feature]`, factors of the attributions; None for 1.
    """

    name: str
    unit: str
    scale: np.ndarray | None


def measure(summary: Summary, standardized: bool | None) -> Measure:
    """The quantity to draw: attributions, multiplied by the std of their feature if they are per unit of it.

    Args:
        summary: summary of the attribution.
        standardized: whether to multiply; None for the default of the method's unit.

    Raises:
        ArgumentError: `standardized` with a method whose values are in units of the score already.
    """
    method = plain(method_title(summary.method), 40)
    if standardized and summary.std is None:
        raise ArgumentError(
            f"standardized=True with {summary.method}, whose values are in units of the {summary.unit} already: only "
            f'those of a method in "score per unit" are multiplied by a standard deviation; leave standardized out'
        )
    if summary.std is None or standardized is False:
        return Measure(method, unit_words(summary.unit, summary.target), None)
    return Measure(f"{method} {TERMS['std'].name}", unit_words("score", summary.target), summary.std)


def strongest_label(summary: Summary, label: str | None) -> int:
    """Index of the label; if it is None, of the one with the largest mean magnitudes.

    Raises:
        ArgumentError: there is no such label.
    """
    if label is not None:
        if label not in summary.labels:
            raise ArgumentError(f"label={label!r} was not explained; explained labels: {', '.join(summary.labels)}")
        return summary.labels.index(label)
    statistics = summary.overall
    size = statistics.standardized_mean_absolute or statistics.mean_absolute
    totals = size.value.sum(axis=1)
    return 0 if np.isnan(totals).any() else int(totals.argmax())


def labels_of(summary: Summary, positions: Sequence[int], *, units: bool = True) -> list[str]:
    """Labels of the features at these positions, with or without their units."""
    names = [summary.features[position] for position in positions]
    return feature_labels(names, [summary.units[position] if units else "" for position in positions])


def label_note(summary: Summary, label: str | None) -> str:
    """Small print if one of several labels is drawn because it is the strongest."""
    return "" if label is not None or len(summary.labels) == 1 else f"strongest of {len(summary.labels)} targets"


def top_note(count: int, total: int) -> str:
    """Small print if not all features are drawn."""
    return "" if count == total else f"top {count} of {total} features"


def interval_note(low: np.ndarray, episodes: int, level: float, text: str = "{}", parts: str = "episodes") -> str:
    """Small print on the intervals of a plot: their level, or why there are none.

    Args:
        low: lower ends of the drawn intervals; NaN if there is no interval.
        episodes: number of episodes behind them.
        level: of the intervals, for instance 0.95.
        text: if there are intervals; `{}` stands for the level with the word "interval".
        parts: what the intervals are over.
    """
    if np.isfinite(low).any():
        return text.format(f"{100 * level:g} % {TERMS['interval'].name}")
    return f"{'fewer than two' if episodes < 2 else 'too few'} {parts}: no {TERMS['interval'].name}"
