"""The picture beside a headline: bars with their intervals and numbers, in percent of the width that the page has.

They are elements of the page and no plot, so that they reflow on a phone and each of them leads to a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rltools._util.text import interval, plural
from rltools.pages.measured import Measured
from rltools.pages.report._extremes import Extremes, StepLink
from rltools.summary import DECISION, Ranked, Summary, loss_of, loss_text, ranked_features, verdict_text
from rltools.summary.sentence import share_of

TOP = 10
"""The most bars of a picture."""
_INSIDE = 45.0
"""Percent of the width that the number of a bar needs inside of it, clear of its interval."""
_MARGIN = 26.0
"""Percent of the width at the right of the longest bar, for a number that stands there."""
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
        inside: whether that is within the bar, so that the number ends there.
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


def loss_bars(measured: Measured, examples: Mapping[str, StepLink]) -> Bars | None:
    """The losses of return without each feature; None if none was measured."""
    losses, second = measured.losses, measured.ablation.second
    others = measured.ablation.losses(second).interval.value if second else None
    verdicts = {verdict.player: verdict for verdict in measured.ablation.verdicts()}
    order = [int(player) for player in losses.order[:TOP] if losses.seeds[player]]
    if not order:
        return None
    ranked = [loss_of(losses, player) for player in order]
    seconds = [math.nan if others is None else float(others[player]) for player in order]
    scale = _Scale([*_ends(ranked), *seconds])
    rows = []
    for each, other in zip(ranked, seconds, strict=True):
        verdict = verdicts[each.feature]
        certain = each.low > 0 or each.high < 0
        rows.append(
            scale.bar(
                each, loss_text(each), "measured" if certain else "uncertain",
                note=verdict_text(verdict.kind, verdict.partner), second=other, step=examples.get(each.feature),
            )
        )  # fmt: skip
    value, low, high = (float(end) for end in (losses.baseline.value, losses.baseline.low, losses.baseline.high))
    notes = [f"return with everything seen: {interval(value, low, high)}"]
    if losses.leaders > 1 and not losses.tied_at_floor:
        notes.append(f"the first {losses.leaders} cannot be told apart")
    if math.isfinite(max(seconds, default=math.nan)):
        notes.append("◇ with the other replacement")
    if more := len(losses.players) - len(order):
        notes.append(f"{plural(more, 'more feature')} below")
    return Bars("Return lost without each feature", tuple(rows), scale.zero, tuple(notes), "losses")


def share_bars(summary: Summary, found: Sequence[Extremes], title: str) -> Bars | None:
    """The shares of the features, or for changes of the decision how much each of them changes; None without steps."""
    ranked = [each for each in ranked_features(summary) if math.isfinite(each.share)][:TOP]
    if not summary.n or not ranked:
        return None
    scale = _Scale(_ends(ranked))
    rows = tuple(
        scale.bar(
            each,
            str(share_of(each)),
            "share",
            step=found[each.position].example if each.position < len(found) else None,
        )
        for each in ranked
    )
    more = len(summary.features) - len(ranked)
    notes = (f"{plural(more, 'more feature')} below",) if more else ()
    name = "" if summary.target == DECISION else "importance"
    return Bars(title, rows, scale.zero, notes, name)


def _ends(ranked: Sequence[Ranked]) -> list[float]:
    return [end for each in ranked for end in (each.share, each.low, each.high)]


class _Scale:
    """Percent of the width for each number, with zero among them and room for a number at the right."""

    def __init__(self, numbers: Sequence[float]) -> None:
        finite = [number for number in numbers if math.isfinite(number)]
        self._low, high = min([0.0, *finite]), max([0.0, *finite])
        self._span = (high - self._low) or 1.0

    def position(self, number: float) -> float:
        return round((100 - _MARGIN) * (number - self._low) / self._span, 2)

    @property
    def zero(self) -> float:
        return self.position(0.0)

    def bar(
        self, each: Ranked, text: str, kind: Kind, *, note: str = "", second: float = math.nan,
        step: StepLink | None = None,
    ) -> Bar:  # fmt: skip
        value = self.position(each.share)
        start, end = sorted((self.zero, value))
        low, high = (self.position(part) if math.isfinite(part) else None for part in (each.low, each.high))
        inside = kind != "uncertain" and each.share > 0 and min(end, end if low is None else low) - start >= _INSIDE
        number = start if inside else max(end, high or 0.0)
        other = self.position(second) if math.isfinite(second) else None
        return Bar(each.feature, text, start, round(end - start, 2), low, high, other, kind, note, number, inside, step)
