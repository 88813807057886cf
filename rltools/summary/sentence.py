"""Sentences whose parts say what they are, so that a page can set off a number without reading the text back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Literal

from rltools._util.text import decimals_of, fixed, plus_minus, share_interval
from rltools._util.text import listed as texts
from rltools.summary._data import Ranked

Role = Literal["", "code", "feature", "interval", "label", "mark", "number", "share", "source"]
"""The role of a span: plain text, code, a feature, an interval, the number or share before it, a label before a
sentence, a mark that leads to a caveat, or the method and the target at the end."""
DAGGER = "†"
"""The mark of a number that a caveat undermines."""


@dataclass(frozen=True)
class Span:
    """A part of a sentence, with its role; a mark also has the id of the caveat that it leads to."""

    text: str
    role: Role = ""
    to: str = ""


@dataclass(frozen=True)
class Sentence:
    """One or more sentences as spans; `str` gives the plain text, and `+` takes other sentences and strings.

    >>> str(span("angle", "feature") + " leads.")
    'angle leads.'
    """

    spans: tuple[Span, ...] = ()

    def __str__(self) -> str:
        """The plain text."""
        return "".join(part.text for part in self.spans)

    def __add__(self, other: Sentence | str) -> Sentence:
        """This sentence, followed by another."""
        return Sentence((*self.spans, *(other.spans if isinstance(other, Sentence) else (Span(other),))))

    def __radd__(self, other: str) -> Sentence:
        """This sentence after a string."""
        return Sentence((Span(other), *self.spans))

    def without(self, role: Role) -> Sentence:
        """The sentence without the spans of a role."""
        return Sentence(tuple(part for part in self.spans if part.role != role))


def span(text: str, role: Role = "") -> Sentence:
    """A sentence of a single span."""
    return Sentence((Span(text, role),))


def share(value: float, low: float, high: float) -> Sentence:
    """A share from 0 to 1 with its interval: `31 % [28, 34]`; without brackets if the ends are NaN."""
    text, ends = share_interval(value, low, high)
    return span(text, "share") + (span(ends, "interval") if ends else Sentence())


def share_of(feature: Ranked) -> Sentence:
    """The share of a feature with its interval; of few episodes with theirs, `36 % (34 and 39 % in 2 episodes)`."""
    written = share(feature.share, feature.low, feature.high)
    return written + each_value(feature, scale=100, unit=" %") + mark(feature)


def mark(number: Ranked) -> Sentence:
    """The dagger of a number that a caveat undermines, which leads to the first such caveat; else empty."""
    return Sentence((Span(DAGGER, "mark", number.marks[0]),)) if number.marks else Sentence()


def amount(number: Ranked) -> Sentence:
    """A number in units of the return with its interval: `444 ± 112`."""
    low, high = (number.low, number.high) if not number.each else (nan, nan)
    value, ends = plus_minus(number.share, low, high)
    return span(value, "number") + (span(ends, "interval") if ends else Sentence()) + each_value(number) + mark(number)


def brief(number: Ranked) -> Ranked:
    """A number without its values in few episodes, or at few seeds, which do not allow an interval either.

    >>> brief(Ranked("angle", 0, 489.0, 476.0, 502.0, each=(488.0, 490.0))).low
    nan
    """
    return replace(number, each=(), low=nan, high=nan) if number.each else number


def each_value(number: Ranked, *, scale: float = 1.0, unit: str = "") -> Sentence:
    """The number in each of few episodes, or at each of few seeds, in parentheses; empty for a single one or many.

    >>> str(each_value(Ranked("angle", 0, 0.36, nan, nan, each=(0.39, 0.34, 0.36)), scale=100, unit=" %"))
    ' (34, 36 and 39 % in 3 episodes)'
    """
    values = sorted(scale * value for value in number.each if isfinite(value))
    if len(values) < 2:
        return Sentence()
    where = f"{'at' if number.parts == 'seeds' else 'in'} {len(values)} {number.parts}"
    if values[0] == values[-1]:
        return span(f" ({where})", "interval")
    middle = (values[0] + values[-1]) / 2
    decimals = decimals_of(*(2 * (end - middle) for end in (values[0], values[-1])))
    if scale != 1:
        decimals = min(decimals, 2)
    if fixed(values[0], decimals) == fixed(values[-1], decimals):
        return span(f" ({where})", "interval")
    return span(f" ({texts(fixed(value, decimals) for value in values)}{unit} {where})", "interval")


def source(*parts: str) -> Sentence:
    """The parenthesis that ends a sentence: the method, the target and the context."""
    return span(f" ({', '.join(filter(None, parts))})", "source")


def joined(parts: Iterable[Sentence], separator: str = ", ", last: str | None = None) -> Sentence:
    """Sentences with a separator between them; `last` stands before the last of several."""
    parts = list(parts)
    result = Sentence()
    for index, part in enumerate(parts):
        between = last if last is not None and index == len(parts) - 1 else separator
        result = result + (between if index else Sentence()) + part
    return result


def listed(parts: Sequence[Sentence]) -> Sentence:
    """Sentences as a list: `a, b and c`."""
    return joined(parts, ", ", " and ")
