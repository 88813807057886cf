"""How each feature pushed one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import TERMS
from rltools._util.text import plural, value_with_unit
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.bars import draw_arrows, write_in_bars
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import feature_labels, fixed, inches, number, plain, set_y_labels
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words, score_words
from rltools.plots.drawing.steps import link_dots
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    measure,
    set_x_label,
    strongest_label,
)
from rltools.summary import contrast_key, decision_at, summarize
from rltools.targets.scores import target_noun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Decision, Summary

TOP = 8
_SMALLEST_REST = 0.002
"""A smaller residual, as a fraction of all absolute attributions, has no bar."""


@plot(
    chapter=Chapter.ACTIONS,
    caption="One decision, at the step with the largest sum of attributions: from the usual score at the top to the "
    "score of this step, feature by feature.",
    order=20,
    shown_when=lambda report: len(report.main.features) > 1,
)
def decision(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    episode: int | None = None,
    step: int | None = None,
    top: int | None = TOP,
) -> Axes:
    """How each feature changed the score at one step: a waterfall from the references' mean score to that of the step.

    Bars continue one another if the method's values add up to the score. Otherwise, as for gradients, they start at
    zero, and the plot says so.

    Args:
        recording: recording with at least one attribution.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target; by default one that compares the chosen action with another, such as
            `logit:chosen - runner_up`, if it was explained.
        label: one scalar of a target with several; by default the one with the largest attributions.
        episode: number of the episode; by default that of the step.
        step: index in the episode; by default the step whose attributions have the largest absolute sum.
        top: number of features; the others share a bar. None for all.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such episode.
        ArgumentError: there is no such label or step, or the step was not explained.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=2)
        >>> target = "logit:chosen - runner_up"
        >>> recording = rltools.explain(recording, policy, method="shapley", references=32, target=target, every=5)
        >>> axes = rltools.plots.decision(recording, episode=1, step=148)
        >>> " ".join(axes.get_xlabel().split())
        'the logit of the action taken less that of the runner-up'
    """
    summary = summarize(recording, method=contrast_key(recording, method, target))
    quantity = measure(summary, None)
    label_index = strongest_label(summary, label)
    result = decision_at(recording, summary.key, label=label_index, scale=quantity.scale, episode=episode, step=step)
    rows = [] if result is None else _labeled_rows(summary, result, top)
    labels = [row for row, _ in rows]
    axes, width = canvas(
        axes, 1.75 + (0.4 if any("\n" in row for row in labels) else 0.32) * max(len(rows), 3), 0.6 + inches(labels)
    )
    name, label_name = score_words(summary.labels[label_index]), summary.labels[label_index]
    text = name if _adds_up(result) else effect_words(quantity, label_name)
    set_x_label(axes, width, text)
    keep_spines(axes, "bottom")
    step_notes = () if result is None else _step_notes(result, by_default=step is None, within=episode)
    zero_note = (
        ""
        if _adds_up(result) or result is None
        else f"{quantity.name} does not add up to the score: bars start at zero"
    )
    title = f"What moved the {target_noun(label_name)}" + ("" if result is None else f" at step {result.step}")
    heading(
        axes,
        width,
        title,
        *describe(summary)[:3],
        *step_notes,
        f"{quantity.name}",
        zero_note,
        label_note(summary, label),
    )
    if result is None:
        draw_no_steps(axes)
        return axes
    _draw_bars(axes, width, np.array([size for _, size in rows]), result)
    tell(axes, rows_text(labels, [f"moves it by {number(size)}" for _, size in rows]))
    set_y_labels(axes, labels)
    axes.tick_params(axis="y", length=0, pad=6)
    return axes


def _labeled_rows(summary: Summary, result: Decision, top: int | None) -> list[tuple[str, float]]:
    """The label and the size of each bar: features by magnitude, others, residual."""
    order = np.argsort(-np.abs(result.attributions), kind="stable")
    first, others = order[:top].tolist(), [] if top is None else order[top:].tolist()
    values = [f"=\N{NO-BREAK SPACE}{number(result.values[position])}" for position in first]
    units = [
        value_with_unit(value, plain(summary.units[position], 24)).replace(" ", "\N{NO-BREAK SPACE}")
        for position, value in zip(first, values, strict=True)
    ]
    labels = feature_labels([summary.features[position] for position in first], units)
    rows = [
        (_without_brackets(label), float(result.attributions[position]))
        for position, label in zip(first, labels, strict=True)
    ]
    if others:
        name = plural(len(others), "other feature")
        rows.append((name, float(result.attributions[others].sum())))
    if result.residual is not None and abs(result.residual) > _SMALLEST_REST * np.abs(result.attributions).sum():
        rows.append((TERMS["residual"].name, result.residual))
    return rows


def _without_brackets(label: str) -> str:
    """`x velocity (= 3 m/s)` -> `x velocity = 3 m/s`."""
    before, _, value = label.rpartition("(=")
    return f"{before}={value.removesuffix(')')}" if value else label


def _adds_up(result: Decision | None) -> bool:
    return result is not None and result.baseline is not None


def _step_notes(result: Decision, *, by_default: bool, within: int | None) -> tuple[str, ...]:
    location = f"step {result.step} of episode {result.number} ({result.steps:,} steps)"
    scope = "" if within is None else " of the episode"
    reason = f"the largest sum of attributions{scope}" if by_default else ""
    action_note = f"took {plain(result.action, 24)}" if result.action else ""
    next_best = f"next best: {plain(result.runner_up, 24)} ({number(result.gap)} lower)" if result.runner_up else ""
    if next_best and result.gap < 0:
        next_best = f"{plain(result.runner_up, 24)} scored {number(-result.gap)} higher"
    return location, reason, action_note, next_best


def _draw_bars(axes: Axes, width: float, sizes: np.ndarray, result: Decision) -> None:
    """Draw a waterfall of arrows if the method's values add up, else arrows that start at zero."""
    baseline = result.baseline
    ends = sizes if baseline is None else baseline + np.cumsum(sizes)
    starts = np.zeros(len(sizes)) if baseline is None else np.concatenate([[baseline], ends[:-1]])
    reached = np.concatenate([starts, ends])
    span = float(np.ptp(reached)) or 1.0
    axes.set_xlim(reached.min() - 0.16 * span, reached.max() + 0.16 * span)
    arrows = draw_arrows(axes, width, starts, ends)
    link_dots(arrows, np.full(len(sizes), result.number), np.full(len(sizes), result.step))
    texts = [fixed(size, float(np.abs(sizes).max(initial=0)), sign="+") for size in sizes.tolist()]
    write_in_bars(axes, width, texts, starts, ends)
    if baseline is None:
        axes.axvline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
        axes.set_ylim(len(sizes) - 0.4, -0.6)
        return
    for row, position in enumerate([baseline, *ends]):
        axes.vlines(
            position,
            max(row - 1.31, -0.95),
            min(row + 0.31, len(sizes) - 0.05),
            color=theme_color("muted"),
            linewidth=0.7,
        )
    axes.set_ylim(len(sizes) + 0.4, -1.4)
    _mark_end(axes, baseline, -0.95, f"{TERMS['references'].name}' mean {number(baseline)}")
    _mark_end(axes, result.score, len(sizes) - 0.05, f"this step {number(result.score)}")


def _mark_end(axes: Axes, position: float, row: float, text: str) -> None:
    axes.plot(position, row, "D", color=theme_color("ink"), markersize=3.5)
    low, high = axes.get_xlim()
    _text_beside(axes, text, position, row, on_left=position > (low + high) / 2, weight="bold")


def _text_beside(axes: Axes, text: str, position: float, row: float, *, on_left: bool, weight: str = "normal") -> None:
    axes.annotate(
        text,
        (position, row),
        xytext=(-5 if on_left else 5, 0),
        textcoords="offset points",
        ha="right" if on_left else "left",
        va="center",
        fontsize="small",
        fontweight=weight,
        color=theme_color("ink"),
    )
