"""A summary in short sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rltools.summary._summarise import Ranked, Summary

NAMED = 3
"""So many features get a sentence."""

_MATTER = {"action": "action", "mean": "action", "value": "value", "entropy": "entropy"}


def findings(summary: Summary) -> tuple[str, ...]:
    """What matters most, what the agent reaches, and what to be careful about; the most important first."""
    if summary.n == 0:
        return (f"n = 0: no explained steps in {_episodes(summary.episodes)} ({_how(summary)}).",)
    return (
        *_leading(summary),
        *_per_action(summary),
        *_reached(summary),
        *_careful(summary),
        *(f"{note[0].upper()}{note[1:]}." for note in summary.notes),
    )


def percent(share: float) -> str:
    """A share for people: `31 %`, `0.4 %`."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def with_interval(found: Ranked) -> str:
    """A share with its interval: `31 % [28, 34]`."""
    if math.isnan(found.low):
        return percent(found.share)
    low, high = (percent(end).removesuffix(" %") for end in (found.low, found.high))
    return f"{percent(found.share)} [{low}, {high}]"


def _how(summary: Summary) -> str:
    scaled = f"{summary.method} x standard deviation" if summary.deviation is not None else summary.method
    return ", ".join(filter(None, (scaled, summary.target, summary.effect)))


def _leading(summary: Summary) -> list[str]:
    ranked = [found for found in summary.top(NAMED) if not math.isnan(found.share)]
    if not ranked:
        return [f"No feature matters: every attribution is exactly 0 ({_how(summary)})."]
    matter = _MATTER.get(summary.target.split(":")[0], "decision")
    sentences = [f"{ranked[0].feature} carries {with_interval(ranked[0])} of the {matter} ({_how(summary)})."]
    if len(ranked) > 1:
        others = " and ".join(f"{found.feature} with {with_interval(found)}" for found in ranked[1:])
        sentences.append(f"Next: {others}.")
        if ranked[1].high > ranked[0].low:
            sentences.append(
                f"The intervals of {ranked[0].feature} and {ranked[1].feature} overlap: which comes first is uncertain."
            )
    return sentences


def _per_action(summary: Summary) -> list[str]:
    first = summary.top(1)[0]
    sentences = []
    for action, statistics in summary.by_action.items():
        if statistics.episodes < 2:
            continue
        best = summary.top(1, action=action)[0]
        if best.feature != first.feature and not math.isnan(best.share):
            sentences.append(
                f"When it takes {action!r} ({statistics.n} steps), {best.feature} matters most: {with_interval(best)}."
            )
    return sentences


def _reached(summary: Summary) -> list[str]:
    reached = summary.returns
    if reached.n == 0:
        return []
    interval = "" if math.isnan(reached.low) else f" [{reached.low:.4g}, {reached.high:.4g}]"
    return [f"Mean return {reached.mean:.4g}{interval} over {_episodes(reached.n)}."]


def _episodes(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def _careful(summary: Summary) -> list[str]:
    sentences = []
    if summary.non_finite:
        sentences.append(
            f"{summary.non_finite} of {summary.n_steps} steps gave no finite attribution and are left out."
        )
    if summary.all_zero > 0:
        sentences.append(
            f"At {percent(summary.all_zero)} of the steps no feature has any influence (exactly 0): dead units or "
            f"saturation."
        )
    if summary.residuals is not None and summary.residuals.over:
        sentences.append(
            f"{summary.method} leaves too much unexplained at {summary.residuals.over} of {summary.n} steps, at most "
            f"{percent(summary.residuals.largest)} of the score's spread."
        )
    return sentences
