"""The return as features are hidden, or shown, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import listed, plural
from rltools.plots.drawing.ablations import REACH, describe_ablation
from rltools.plots.drawing.alt import tell
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import amount, inches, plain, spread_apart
from rltools.plots.drawing.line_labels import places_beside
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.style import (
    canvas,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    set_x_label,
)
from rltools.summary import ORDERS
from rltools.summary import ablation_curves as curves_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation
    from rltools.recording import Recording
    from rltools.summary import AblationCurves, Interval

_HEIGHT, _WIDTH = 4.2, 6.0
_DATA_HEIGHT = 2.6
"""The height of the data of a new figure, about, in inches."""
_GAP = 0.12
"""Between both halves, as a part of the width of one; more where their numbers would touch."""
_MOST_NUMBERS = 8
"""The most steps between the numbers below a half."""
_APART_INCHES = 0.1
"""Between two numbers."""
_NAMES = {"best": "largest loss first", "random": "random orders", "reverse": "smallest loss first"}
_COLORS = {"best": "measured", "random": "muted", "reverse": "ink"}
_LOOKS = {"best": "filled dots", "random": "dashed", "reverse": "open dots"}
_MOST_MARKED = 24
"""The most points of a line that are marked."""


@plot(
    chapter=Chapter.MEASURED,
    caption="The return as features are hidden (left) or shown (right), one after another. An order that knows what "
    "the agent needs falls first on the left and rises first on the right. Returns are not monotone: an agent that "
    "sees some of the features can do worse than one that sees none.",
    order=30,
    shown_when=lambda report: report.ablation is not None and report.ablation.curves() is not None,
    arguments=lambda report: {"ablation": report.ablation.key if report.ablation else None},
)
def ablation_curves(
    recording: Recording | Ablation, *, axes: Axes | None = None, ablation: str | None = None, level: float = 0.95
) -> Axes:
    """Deletion and insertion curves: the return against the number of features that are hidden, or shown.

    The features are hidden and shown in the order of their measured losses, in random orders and in the reversed
    order (Petsiuk et al. 2018, in the environment).

    Args:
        recording: a recording that was ablated with `coalitions=True`, or such an ablation.
        axes: axes to draw in; by default those of a new figure.
        ablation: the replacement or the key of an ablation, if the recording has several; by default the one with
            precedence, see `rltools.ablation.ablations`.
        level: confidence level of the bands.

    Raises:
        RecordingError: the recording has no ablation, or coalitions were not measured.
        UnknownNameError: it has none of this name.
        ArgumentError: a key is given with an ablation.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=8, coalitions=True)
        >>> axes = rltools.plots.ablation_curves(recording)
        >>> axes.get_ylabel()
        'mean return'
    """
    from matplotlib.ticker import FuncFormatter

    result = curves_of(recording, ablation, level=level)
    count = len(result.ablation.players)
    ends = _end_labels(result)
    axes, width = canvas(axes, _HEIGHT, 1.0 + inches(ends, points=8.3), _WIDTH)
    set_x_label(axes, width, "number of features hidden (left) or shown (right)")
    axes.set_ylabel("mean return")
    keep_spines(axes, "left")
    low, high, beyond = _limits(result)
    title, notes = "The return as features are hidden, or shown", _notes(result, level, beyond=beyond)
    if result.curves is None:
        heading(axes, width, title, *notes)
        draw_no_steps(axes, "episodes")
        return axes
    each, gap = _halves(width, count)
    shift = count * (1 + gap / each)
    axes.set_xlim(-0.04 * count, shift + 1.02 * count)
    axes.set_ylim(low, high)
    for start, curves in ((0.0, result.deletion), (shift, result.insertion)):
        for name in ("random", "reverse", "best"):
            _draw_curve(axes, start + np.arange(count + 1), curves[name], name)
    _draw_ends(axes, result, ends)
    missing = list(ORDERS)
    for start, curves, half in ((0.0, result.deletion, "hidden"), (shift, result.insertion, "shown")):
        axes.text(
            start + count / 2,
            high,
            half,
            ha="center",
            va="top",
            color=theme_color("ink"),
            fontsize="small",
            fontweight="bold",
        )
        left_out = _name_curves(axes, width, start, curves)
        missing = [name for name in missing if name in left_out]
    heading(axes, width, title, *notes, *(f"{_LOOKS[name]}: {_NAMES[name]}" for name in missing))
    _name_counts(axes, each, count, shift)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    complete, none = (amount(float(result.deletion["best"].value[end])) for end in (0, -1))
    tell(axes, f"mean return {complete} with all features shown, {none} with all hidden")
    return axes


def _notes(result: AblationCurves, level: float, *, beyond: bool) -> tuple[str, ...]:
    """Small print: the order of the losses, what each point is the mean over, and where returns are not monotone."""
    if result.curves is None:
        return describe_ablation(result.ablation)
    players = result.ablation.players
    order = [plain(players[player], 24) for player in result.curves.best.order or ()]
    low = np.concatenate([curve.low for curve in result.deletion.values()])
    scale = float(np.abs(result.deletion["best"].value).max())
    lowest = ""
    if result.lowest is not None:
        hidden, value = result.lowest
        lowest = f"lowest with {hidden} of {len(players)} hidden ({amount(value, scale or None)}), not with all"
    return (
        *describe_ablation(
            result.ablation,
            f"at least {plural(result.episodes, 'episode')} per point",
            interval_note(low, result.episodes, level, "bands: {}"),
        ),
        f"largest loss first: {listed(order, 3)}",
        lowest,
        "some bands are cut off" if beyond else "",
    )


def _limits(result: AblationCurves) -> tuple[float, float, bool]:
    """The limits of the returns, with room for names above and below; and whether bands go beyond."""
    if result.curves is None:
        return 0.0, 1.0, False
    values = np.concatenate([curve.value for curve in result.deletion.values()])
    low, high = float(values.min()), float(values.max())
    span = high - low or abs(high) or 1.0
    bands = [np.concatenate([getattr(curve, end) for curve in result.deletion.values()]) for end in ("low", "high")]
    reach = (REACH - 1) / 2 * span
    lower = max(float(np.nanmin(np.append(bands[0], low))), low - reach)
    upper = min(float(np.nanmax(np.append(bands[1], high))), high + reach)
    beyond = bool((bands[0] < lower).any() or (bands[1] > upper).any())
    # Room for names below the lowest line, and above the highest for those of both halves too.
    return min(lower, low - 0.14 * span), max(upper, high + 0.1 * span) + 0.12 * span, beyond


def _draw_curve(axes: Axes, x: np.ndarray, curve: Interval, name: str) -> None:
    color = theme_color(_COLORS[name])
    marked = len(x) <= _MOST_MARKED + 1 and name != "random"
    axes.fill_between(x, curve.low, curve.high, color=color, alpha=0.18, linewidth=0, zorder=2)
    axes.plot(
        x,
        curve.value,
        color=color,
        linewidth=1.2 if name == "random" else 1.7,
        linestyle="--" if name == "random" else "-",
        marker="o" if marked else None,
        markersize=4,
        markerfacecolor=theme_color("paper") if name == "reverse" else color,
        zorder=3,
    )


def _end_labels(result: AblationCurves) -> list[str]:
    """The returns with everything and with nothing seen."""
    if result.curves is None:
        return []
    value = result.deletion["best"].value
    texts = [amount(float(value[end])) for end in (0, -1)]
    if texts[0] == texts[1]:
        return [f"everything or nothing seen: {texts[0]}"]
    return [f"everything seen: {texts[0]}", f"nothing seen: {texts[1]}"]


def _draw_ends(axes: Axes, result: AblationCurves, labels: list[str]) -> None:
    """Draw dotted lines at the returns with everything and with nothing seen, named on the right."""
    value = result.deletion["best"].value
    returns = [float(value[0]), float(value[-1])]
    low, high = axes.get_ylim()
    heights = spread_apart([(end - low) / (high - low) for end in returns[: len(labels)]], [0.07] * len(labels))
    for end, label, height in zip(returns, labels, heights, strict=False):
        axes.axhline(end, color=theme_color("muted"), linewidth=0.8, linestyle=":", zorder=1)
        axes.text(
            1.01, height, label, transform=axes.transAxes, va="center", fontsize="small", color=theme_color("muted")
        )


def _name_curves(axes: Axes, width: float, start: float, curves: dict[str, Interval]) -> list[str]:
    """Write the names of the curves of one half, a single one if all are the same; returns those without a place."""
    from matplotlib.patheffects import withStroke

    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    figure = axes.get_figure(root=True)
    tall = _DATA_HEIGHT if figure is None else axes.get_position().height * figure.get_figheight() * 0.75
    count = len(curves["best"].value) - 1
    x = (start + np.arange(count + 1) - left) / (right - left) * width
    lines = [(x, (curves[name].value - low) / (high - low) * tall) for name in ORDERS]
    names = [_NAMES[name] for name in ORDERS]
    same = all(np.allclose(line[1], lines[0][1], atol=0.02) for line in lines)
    if same:
        lines, names = lines[:1], ["any order"]
    ends = [(x, np.full(len(x), height)) for height in (lines[0][1][0], lines[0][1][-1])]
    sizes = [(inches([name], points=8.3) + 0.1, 0.15) for name in names]
    places = places_beside(lines, sizes, (float(x[0]), 0.0), (float(x[-1]), 0.93 * tall), ends)
    for name, text, place in zip(ORDERS, names, places, strict=False):
        if place is None:
            continue
        axes.text(
            left + place[0] / width * (right - left),
            low + place[1] / tall * (high - low),
            text,
            ha="center",
            va="center",
            fontsize="small",
            color=theme_color("muted" if same else _COLORS[name]),
            path_effects=[withStroke(linewidth=2, foreground=theme_color("paper"))],
            zorder=5,
        )
    return [name for name, place in zip(ORDERS, places, strict=False) if place is None]


def _halves(width: float, count: int) -> tuple[float, float]:
    """The width of each half and of the gap between both, in inches, in which the numbers at its sides do not touch."""
    numbers = (inches([str(count)]) + inches(["0"])) / 2 + _APART_INCHES
    gap = max(_GAP * width / (2 + _GAP), min(numbers, width / 3))
    return (width - gap) / 2, gap


def _name_counts(axes: Axes, half: float, count: int, shift: float) -> None:
    """Number the features of both halves of so many inches, in even steps: fewer where there is less room."""
    most = int(half / (inches([str(count)]) + _APART_INCHES))
    stride = -(-count // max(1, min(most, _MOST_NUMBERS)))
    numbers = [*range(0, count + 1, stride)]
    axes.set_xticks([*numbers, *(shift + number for number in numbers)], labels=[str(number) for number in numbers * 2])
    axes.tick_params(axis="x", length=2)
