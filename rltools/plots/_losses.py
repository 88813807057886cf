"""The return that is lost without each feature, with intervals, ties and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import interval
from rltools.plots.drawing.ablations import (
    TOP,
    clipped,
    describe_ablation,
    draw_zero,
    name_amounts,
    replaced,
    seeds_note,
    set_value_limits,
)
from rltools.plots.drawing.alt import interval_texts, rows_text, tell
from rltools.plots.drawing.bars import write_in_bars
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import amount, feature_labels, inches, plain, set_y_labels
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.style import (
    DATA_INCHES,
    canvas,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    set_x_label,
)
from rltools.summary import measured_losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation, Verdict
    from rltools.recording import Recording
    from rltools.summary import MeasuredLosses

_WORDS = {
    "needed": "needed",
    "not_needed": "not needed",
    "better_without": "better without",
    "undecided": "undecided",
}
_DATA_INCHES = 3.5
"""The width of the data of a new figure: narrow, because verdicts stand beside, and a report leads with it."""
_BAR, _SECOND = -0.1, 0.3
"""The heights of the bars and of the marks of the second replacement, within a row."""
_BRACKET, _VERDICT = 0.08, 0.14
"""Inches from the data to the bracket of a tie, and from there to the verdicts."""


@plot(
    chapter=Chapter.MEASURED,
    caption="How much lower the return is if the agent does not see a feature during whole episodes, at the same "
    "seeds. Filled bars are certain. Losses are not shares of anything and do not add up; their intervals cover the "
    "draw of seeds alone.",
    order=10,
    shown_when=lambda report: report.ablation is not None,
    arguments=lambda report: {"ablation": report.ablation.key if report.ablation else None},
)
def losses(
    recording: Recording | Ablation,
    *,
    axes: Axes | None = None,
    ablation: str | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """Return that is lost without each feature, the largest loss first, with intervals, ties and verdicts.

    A bar to the left of zero is a feature without which the return is higher. The first features that cannot be told
    apart are in a bracket. Diamonds are the losses with the second replacement, of which there is no right one.

    Args:
        recording: a recording that was ablated, or an ablation.
        axes: axes to draw in; by default those of a new figure.
        ablation: the replacement or the key of an ablation, if the recording has several; by default the one with
            precedence, see `rltools.ablation.ablations`.
        top: number of features; None for all.
        level: confidence level of the intervals, of ties and of verdicts.

    Raises:
        RecordingError: the recording has no ablation.
        UnknownNameError: it has none of this name.
        ArgumentError: a key is given with an ablation.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=16)
        >>> axes = rltools.plots.losses(recording)
        >>> axes.get_yticklabels()[0].get_text()
        'angle'
    """
    result = measured_losses(recording, ablation, top=top, level=level)
    rows = list(result.rows)
    players = result.losses.players
    labels = feature_labels([players[player] for player in rows], [""] * len(rows))
    words = [_words(result, player) for player in rows]
    bracket = _BRACKET + 0.25 if result.tied else 0.0
    side = 0.4 + inches(labels) + bracket + _VERDICT + inches(words, points=8.3)
    height = 1.65 + (0.4 if result.second else 0.34) * len(rows)
    own_figure = axes is None
    axes, width = canvas(axes, height, side, _DATA_INCHES)
    heading_width = min(width + side - inches(labels) - 0.4, DATA_INCHES) if own_figure else width
    lost, low, high = (part[rows] for part in _ends(result))
    negative = bool((lost < 0).any())
    set_x_label(axes, width, f"how much lower the return is without it{' (below 0: higher)' * negative}")
    keep_spines(axes, "bottom")
    drawn_low, drawn_high, beyond = clipped(low, high, lost)
    notes = _notes(result, level, beyond=beyond)
    heading(axes, heading_width, "How much return is lost without each feature", *notes)
    if not result.measured:
        draw_no_steps(axes, "episodes")
        return axes
    draw_zero(axes)
    heights = np.arange(len(rows)) + (_BAR if result.second else 0.0)
    colors = [_colors(*ends) for ends in zip(low, high, strict=True)]
    axes.barh(
        heights,
        np.nan_to_num(lost),
        height=0.5,
        color=[fill for fill, _ in colors],
        edgecolor=[edge for _, edge in colors],
        linewidth=0.8,
    )
    axes.hlines(heights, drawn_low, drawn_high, color=theme_color("ink"), linewidth=1.2, zorder=3)
    scale = float(np.nanmax(np.abs(lost)))
    texts = [amount(value, scale or None) if np.isfinite(value) else "not measured" for value in lost]
    second = _draw_second(axes, result, rows) if result.second else np.zeros(0)
    is_left = lost < 0
    set_value_limits(
        axes,
        width,
        np.concatenate([lost, drawn_low, drawn_high, second]),
        [text for text, left in zip(texts, is_left, strict=True) if left],
        [text for text, left in zip(texts, is_left, strict=True) if not left],
    )
    uncertain = ~((low > 0) | (high < 0))
    clear = np.stack([drawn_low, drawn_high], axis=1)
    write_in_bars(
        axes, width, texts, np.zeros(len(rows)), np.nan_to_num(lost), clear=clear, rows=heights, pale=uncertain
    )
    for row, word in enumerate(words):
        _write(
            axes, word, (1, row), 72 * (bracket + _VERDICT), "left", axes.get_yaxis_transform(), theme_color("muted")
        )
    if result.tied:
        _draw_bracket(axes, result)
    set_y_labels(axes, labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    name_amounts(axes, width)
    tell(axes, rows_text(labels, interval_texts(lost, low, high, amount)))
    return axes


def _ends(result: MeasuredLosses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    losses = result.losses.interval
    return losses.value, losses.low, losses.high


def _notes(result: MeasuredLosses, level: float, *, beyond: bool) -> tuple[str, ...]:
    """Small print: the return with everything seen, what the marks are, and how many seeds there are."""
    baseline = result.losses.baseline
    returns = interval(float(baseline.value), float(baseline.low), float(baseline.high), amount)
    second = result.second
    count = len(result.losses.players)
    return (
        *describe_ablation(
            result.ablation,
            seeds_note(result.losses.seeds),
            interval_note(result.losses.interval.low, int(result.losses.seeds.max(initial=0)), level, parts="seeds"),
        ),
        f"return {returns} with everything seen" if result.measured else "",
        f"\N{WHITE DIAMOND} {replaced(second.replacement)} ({seeds_note(second.seeds)})" if second else "",
        "some intervals are cut off" if beyond else "",
        "" if len(result.rows) == count else f"the {len(result.rows)} largest of {count} features",
    )


def _words(result: MeasuredLosses, player: int) -> str:
    """The verdict on a player."""
    verdict: Verdict = result.verdicts[player]
    if not result.losses.seeds[player]:
        return ""
    if verdict.kind == "needed_together":
        return f"needed with {plain(verdict.partner, 20)}"
    return "loses everything" if result.losses.at_floor[player] else _WORDS[verdict.kind]


def _colors(low: float, high: float) -> tuple[str, str]:
    """Fill and edge of a bar: filled if it is certainly above or below zero, else pale."""
    if low > 0:
        return theme_color("measured"), theme_color("measured")
    return (theme_color("ink"), theme_color("ink")) if high < 0 else (theme_color("uncertain"), theme_color("measured"))


def _draw_second(axes: Axes, result: MeasuredLosses, rows: list[int]) -> np.ndarray:
    """Draw the losses with the second replacement as small marks under the bars; returns them."""
    if result.second is None:
        return np.zeros(0)
    values = result.second.interval.value[rows]
    axes.plot(
        values,
        np.arange(len(rows)) + _SECOND,
        "D",
        markersize=3.6,
        color=theme_color("ink"),
        markerfacecolor=theme_color("paper"),
        zorder=4,
    )
    return np.asarray(values)


def _draw_bracket(axes: Axes, result: MeasuredLosses) -> None:
    """Draw a bracket at the right of the rows that cannot be told apart."""
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    if figure is None:
        return
    beside = axes.get_yaxis_transform() + ScaledTranslation(_BRACKET, 0, figure.dpi_scale_trans)
    inward = axes.get_yaxis_transform() + ScaledTranslation(_BRACKET - 0.05, 0, figure.dpi_scale_trans)
    first, last = -0.3, result.tied - 0.7
    axes.plot([1, 1], [first, last], color=theme_color("muted"), linewidth=1, transform=beside, clip_on=False)
    for end in (first, last):
        axes.annotate(
            "", (1, end), xycoords=beside, xytext=(1, end), textcoords=inward,
            arrowprops={"arrowstyle": "-", "color": theme_color("muted"), "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )  # fmt: skip
    axes.annotate(
        "tied", (1, (first + last) / 2), xycoords=beside, xytext=(3, 0), textcoords="offset points", rotation=270,
        ha="left", va="center", fontsize="small", color=theme_color("muted"), annotation_clip=False,
    )  # fmt: skip


def _write(
    axes: Axes, text: str, position: tuple[float, float], points: float, side: str, coordinates: object, color: str
) -> None:
    """Write a text beside a position, so many points away."""
    axes.annotate(
        text,
        position,
        xycoords=coordinates,  # type: ignore[arg-type]
        xytext=(points, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize="small",
        color=color,
        annotation_clip=False,
        parse_math=False,
    )
