"""The picture beside a headline: bars with their intervals and numbers, in percent of the width that the page has.

They are elements of the page and no plot, so that they reflow on a phone and each of them leads to a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rltools._util.text import interval, plural
from rltools.ablation.replacements import find_replacement
from rltools.pages.ablation_findings import AblationFindings
from rltools.pages.report._extremes import Extremes, StepLink
from rltools.summary import DECISION, Ranked, Summary, loss_of, loss_text, ranked_features, verdict_text
from rltools.summary.sentence import brief, share_of

TOP = 10
"""The most bars of a picture."""
_CHARACTER, _GAP = 3.9, 5.5
"""Percent of the width that a character of a number takes, and the gap before it, where the picture is narrowest: on a
page of 1280 pixels, beside the player."""
_MARGINS = (24.0, 34.0, 44.0, 54.0, 64.0, 74.0)
"""Percent of the width at the right of the longest bar, for a number that stands there; the first that is enough."""
Kind = Literal["measured", "uncertain", "share"]


@dataclass(frozen=True)
class Bar:
    """A bar, all lengths in percent of the width of the picture.

    Attributes:
        name: the feature.
        text: its number with the interval.
        start: where the bar begins.
        width: how long it is.
        low: the lower end of the interval; None without one.
        high: the upper end of the interval; None without one.
        second: where the loss with the second replacement is; None without one.
        kind: "measured" if it is certainly not zero, "uncertain" if it may be, "share" for what is no loss.
        note: the verdict; "" for none.
        number: where its number stands.
        inside: whether that is within the bar.
        each: where the values of few episodes or seeds are, which are drawn in place of an interval.
        step: the step that it leads to, if there is one.
    """

    name: str
    text: str
    start: float
    width: float
    low: float | None
    high: float | None
    second: float | None
    kind: Kind
    note: str
    number: float
    inside: bool
    step: StepLink | None
    each: tuple[float, ...] = ()


@dataclass(frozen=True)
class Bars:
    """Bars on one scale.

    Attributes:
        title: what their lengths are.
        rows: the bars, the longest first.
        zero: where zero is, in percent.
        notes: what is to be read beside them.
        name: the name of the plot that shows the same for print.
    """

    title: str
    rows: tuple[Bar, ...]
    zero: float
    notes: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Numbered:
    """A number with what stands at its bar; `second` is NaN without a second replacement."""

    ranked: Ranked
    text: str
    kind: Kind
    note: str = ""
    second: float = math.nan
    step: StepLink | None = None


def loss_bars(measured: AblationFindings, examples: Mapping[str, StepLink]) -> Bars | None:
    """The losses of return without each feature; None if none was measured."""
    losses, second = measured.losses, measured.ablation.second
    others = measured.ablation.losses(second).interval.value if second else None
    verdicts = {verdict.player: verdict for verdict in measured.ablation.verdicts()}
    order = [int(player) for player in losses.order[:TOP] if losses.seeds[player]]
    if not order:
        return None
    ranked = [loss_of(losses, player) for player in order]
    seconds = [math.nan if others is None else float(others[player]) for player in order]
    numbers = []
    for each, other in zip(ranked, seconds, strict=True):
        verdict = verdicts[each.feature]
        kind: Kind = "measured" if each.low > 0 or each.high < 0 else "uncertain"
        note = verdict_text(verdict.kind, verdict.partner)
        numbers.append(Numbered(each, loss_text(brief(each)), kind, note, other, examples.get(each.feature)))
    rows, zero = _rows(numbers)
    value, low, high = (float(end) for end in (losses.baseline.value, losses.baseline.low, losses.baseline.high))
    notes = [f"return with everything seen: {interval(value, low, high)}"]
    if losses.leaders > 1 and not losses.tied_at_floor:
        notes.append(f"the first {losses.leaders} cannot be told apart")
    if second and any(map(math.isfinite, seconds)):
        notes.append(f"◇ replaced by {find_replacement(second).phrase}")
    notes += _few(ranked)
    if more := len(losses.players) - len(order):
        notes.append(f"{plural(more, 'more feature')} below")
    return Bars("Return lost without each feature", rows, zero, tuple(notes), "losses")


def share_bars(summary: Summary, extreme_steps: Sequence[Extremes], title: str) -> Bars | None:
    """The shares of the features, or for changes of the decision how much each of them changes; None without steps."""
    ranked = [each for each in ranked_features(summary) if math.isfinite(each.share)][:TOP]
    if not summary.n or not ranked:
        return None
    steps = [extreme_steps[each.position].example if each.position < len(extreme_steps) else None for each in ranked]
    rows, zero = _rows(
        [
            Numbered(each, str(share_of(brief(each))), "share", step=step)
            for each, step in zip(ranked, steps, strict=True)
        ]
    )
    more = len(summary.features) - len(ranked)
    notes = (*((f"{plural(more, f'more {summary.noun}')} below",) if more else ()), *_few(ranked))
    name = "" if summary.target == DECISION else "importance"
    return Bars(title, rows, zero, notes, name)


def _few(ranked: Sequence[Ranked]) -> list[str]:
    """What the dots on the bars are, if there are any."""
    first = next((each for each in ranked if len(each.each) > 1), None)
    return [f"dots: each of {len(first.each)} {first.parts}, too few for an interval"] if first else []


class _Scale:
    """Percent of the width for each number, with zero among them and room for a number at the right."""

    def __init__(self, numbers: Sequence[float], margin: float) -> None:
        finite = [number for number in numbers if math.isfinite(number)]
        self._low, high = min([0.0, *finite]), max([0.0, *finite])
        self._span, self._width = (high - self._low) or 1.0, 100 - margin

    def position(self, number: float) -> float:
        return round(self._width * (number - self._low) / self._span, 2)

    def bar(self, number: Numbered) -> Bar:
        each = number.ranked
        start, end = sorted((self.position(0.0), self.position(each.share)))
        low, high = (self.position(part) if math.isfinite(part) else None for part in (each.low, each.high))
        second = self.position(number.second) if math.isfinite(number.second) else None
        dots = tuple(self.position(value) for value in each.each if math.isfinite(value))
        marks = [mark for mark in (low, high, second, *dots) if mark is not None]
        clear = min([end, *marks]) - start
        inside = number.kind != "uncertain" and each.share > 0 and clear >= _CHARACTER * (len(number.text) + 1)
        return Bar(
            each.feature,
            number.text,
            start,
            round(end - start, 2),
            low,
            high,
            second,
            number.kind,
            number.note,
            start if inside else max([end, *marks]),
            inside,
            number.step,
            dots,
        )


def _rows(numbers: Sequence[Numbered]) -> tuple[tuple[Bar, ...], float]:
    """The bars, drawn so that every number fits, and where zero is."""
    ranked = [each.ranked for each in numbers]
    every = [end for each in ranked for end in (each.share, each.low, each.high, *each.each)]
    every += [each.second for each in numbers]
    for margin in _MARGINS:
        scale = _Scale(every, margin)
        rows = tuple(scale.bar(each) for each in numbers)
        if all(bar.inside or bar.number + _GAP + _CHARACTER * len(bar.text) <= 100 for bar in rows):
            break
    return rows, scale.position(0.0)
