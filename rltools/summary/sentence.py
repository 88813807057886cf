"""Sentences whose parts say what they are, so that a page can set off a number without reading the text back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rltools._util.text import brackets, percent, plus_minus
from rltools.summary._data import Ranked

Role = Literal["", "code", "feature", "interval", "number", "share", "source"]
"""The role of a span: plain text, code, a feature, an interval, the number or share before it, or the method and the
target at the end."""


@dataclass(frozen=True)
class Span:
    """A part of a sentence, with its role."""

    text: str
    role: Role = ""


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
    ends = brackets(low, high, percent)
    return span(percent(value), "share") + (span(ends, "interval") if ends else Sentence())


def share_of(feature: Ranked) -> Sentence:
    """The share of a feature with its interval."""
    return share(feature.share, feature.low, feature.high)


def amount(number: Ranked) -> Sentence:
    """A number in units of the return with its interval: `444 ± 112`."""
    value, ends = plus_minus(number.share, number.low, number.high)
    return span(value, "number") + (span(ends, "interval") if ends else Sentence())


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
