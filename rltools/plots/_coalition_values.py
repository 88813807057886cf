"""What each feature is worth: its outcome Shapley value, beside its loss and its worth if it is seen alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.text import interval, plural
from rltools.plots.drawing.ablations import (
    TOP,
    clipped,
    describe_ablation,
    draw_zero,
    name_amounts,
    set_value_limits,
)
from rltools.plots.drawing.alt import interval_texts, rows_text, tell
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import amount, feature_labels, inches, plain, set_y_labels
from rltools.plots.drawing.legends import legend_beside
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.style import (
    canvas,
    data_inches,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    set_x_label,
)
from rltools.summary import player_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation, Interaction
    from rltools.recording import Recording
    from rltools.summary import PlayerValues

MOST_INTERACTIONS = 3
_NARROW = 1.6
"""Data of fewer inches have the legend below, not beside."""
_MARKS = (
    ("its part of the return\n(outcome Shapley value)", "o", "measured", "measured", 5),
    ("lost if only it is hidden", "s", "ink", "paper", 8),
    ("gained if only it is seen", ">", "ink", "", 7),
)
"""Label, marker, edge, fill and size: smaller ones are drawn later, so that equal numbers can be seen."""


def _caption(report: ReportData) -> str:
    """How to read the marks."""
    values = report.ablation and report.ablation.shapley()
    text = (
        "How the features share out what the agent gains by seeing them. Where the three marks are apart, features act "
        "together: one that loses much if it is hidden but gains nothing alone needs the others, and one that loses "
        "nothing but gains something alone can be stood in for."
    )
    if values and not values.exact:
        return f"{text} The Shapley values are estimated from drawn orders of the features."
    return text


@plot(
    chapter=Chapter.MEASURED,
    caption=_caption,
    order=20,
    shown_when=lambda report: report.ablation is not None and report.ablation.shapley() is not None,
    arguments=lambda report: {"ablation": report.ablation.key if report.ablation else None},
)
def coalition_values(
    recording: Recording | Ablation,
    *,
    axes: Axes | None = None,
    ablation: str | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """Outcome Shapley values, beside what is lost if only this feature is hidden, and gained if only it is seen.

    The values add up to what all features together gain over none. The largest interactions that are certain are
    listed beside.

    Args:
        recording: a recording that was ablated with `coalitions=True`, or such an ablation.
        axes: axes to draw in; by default those of a new figure.
        ablation: the replacement or the key of an ablation, if the recording has several; by default the one with
            precedence, see `rltools.ablation.ablations`.
        top: number of features; None for all.
        level: confidence level of the intervals.

    Raises:
        RecordingError: the recording has no ablation, or coalitions were not measured.
        UnknownNameError: it has none of this name.
        ArgumentError: a key is given with an ablation.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=8, coalitions=True)
        >>> axes = rltools.plots.coalition_values(recording)
        >>> axes.get_yticklabels()[0].get_text()
        'pole angular velocity'
    """
    result = player_values(recording, ablation, top=top, level=level)
    rows, players = list(result.rows), result.losses.players
    labels = feature_labels([players[player] for player in rows], [""] * len(rows))
    listed = _interaction_lines(result) if result.shapley else []
    side = 0.4 + inches(labels)
    beside = 0.5 + inches([label for label, *_ in _MARKS] + listed, points=8.3)
    below = data_inches(axes, side + beside) < _NARROW
    tall = 1.7 + 0.36 * len(rows)
    height = tall + 0.9 + 0.15 * len(listed) if below else max(tall, 2.7 + 0.18 * len(listed))
    axes, width = canvas(axes, height, side + beside * (not below))
    set_x_label(axes, width, "return that is shared out, lost or gained")
    keep_spines(axes, "bottom")
    shapley = result.shapley
    value, low, high = (
        [np.full(len(rows), np.nan)] * 3
        if shapley is None
        else (part[rows] for part in (shapley.interval.value, shapley.interval.low, shapley.interval.high))
    )
    low, high, beyond = clipped(low, high, value)
    heading(axes, width, "How the features share out the return", *_notes(result, level, beyond=beyond))
    if shapley is None:
        draw_no_steps(axes, "episodes")
        return axes
    draw_zero(axes)
    heights = np.arange(len(rows))
    lost, alone = result.losses.interval.value[rows], result.alone.value[rows]
    every = np.stack([value, lost, alone])
    axes.hlines(
        heights, np.nanmin(every, axis=0), np.nanmax(every, axis=0), color=theme_color("line"), linewidth=3, zorder=1
    )
    axes.hlines(heights, low, high, color=theme_color("ink"), linewidth=1.2, zorder=2)
    for numbers, (_, marker, edge, fill, size) in zip(every, _MARKS, strict=True):
        axes.plot(numbers, heights, marker, **_look(edge, fill), markersize=size, zorder=4 - size / 10)
    set_value_limits(axes, width, np.concatenate([low, high, every.ravel()]), [], [])
    axes.margins(x=0.05)
    set_y_labels(axes, labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    name_amounts(axes, width)
    _draw_legend(axes, listed, below=below)
    tell(
        axes, rows_text(labels, interval_texts(value, shapley.interval.low[rows], shapley.interval.high[rows], amount))
    )
    return axes


def _notes(result: PlayerValues, level: float, *, beyond: bool) -> tuple[str, ...]:
    """Small print: what is shared out, and how it was measured."""
    shapley = result.shapley
    if shapley is None:
        return describe_ablation(result.ablation)
    gain = interval(float(shapley.total.value), float(shapley.total.low), float(shapley.total.high), amount)
    count = len(shapley.players)
    measured = (
        f"exact: all {2**count} coalitions at {plural(shapley.seeds, 'seed')}"
        if shapley.exact
        else f"estimated from {plural(shapley.seeds, 'pair')} of drawn orders"
    )
    return (
        *describe_ablation(result.ablation),
        f"all features together gain {gain} over none",
        measured,
        interval_note(shapley.interval.low, shapley.seeds, level, parts="seeds" if shapley.exact else "pairs"),
        "some intervals are cut off" if beyond else "",
        "" if len(result.rows) == count else f"the {len(result.rows)} largest of {count} features",
    )


def _interaction_lines(result: PlayerValues) -> list[str]:
    """The largest interactions in two lines each."""
    if not result.pairs:
        return []
    lines = []
    for pair in result.interactions[:MOST_INTERACTIONS]:
        lines += ["", " and ".join(plain(name, 24) for name in pair.players), _interaction_text(pair)]
    return ["Largest interactions", *(lines or [f"none of {plural(result.pairs, 'pair')} is certain"])]


def _interaction_text(pair: Interaction) -> str:
    value, low, high = (float(part) for part in (pair.interval.value, pair.interval.low, pair.interval.high))
    meaning = "can stand in for each other" if value > 0 else "needed together"
    return f"{interval(value, low, high, amount)}: {meaning}"


def _look(edge: str, fill: str) -> dict[str, Any]:
    return {"color": theme_color(edge), "markerfacecolor": theme_color(fill) if fill else "none"}


def _draw_legend(axes: Axes, lines: list[str], *, below: bool) -> None:
    """Draw the legend at the upper right or below the axes, and the interactions below it."""
    from matplotlib import rcParams
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    handles = [
        Line2D([], [], linestyle="", marker=marker, **_look(edge, fill), markersize=size)
        for _, marker, edge, fill, size in _MARKS
    ]
    legend_beside(axes, handles, [label for label, *_ in _MARKS])
    corner, top = (1, 1), 0.0
    legend, figure = axes.get_legend(), axes.get_figure(root=True)
    if below and legend is not None and figure is not None:
        corner, top = (0, 0), -float(rcParams["font.size"]) * (3.4 + 1.2 * axes.get_xlabel().count("\n"))
        shift = ScaledTranslation(0, top / 72, figure.dpi_scale_trans)
        legend.set_bbox_to_anchor((0, 0), transform=axes.transAxes + shift)
    axes.annotate(
        "\n".join(lines),
        corner,
        xycoords="axes fraction",
        xytext=(0 if below else 9, top - 6.6 * float(rcParams["font.size"])),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize="small",
        linespacing=1.25,
        color=theme_color("muted"),
        annotation_clip=False,
        parse_math=False,
    )
