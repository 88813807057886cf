"""Numbers, lists and names as text: the one place that decides how a count, a share or an interval is written."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence

LONGEST_NAME = 200
"""Characters of a name that are compared with others: longer ones take long to compare, and no name is so long."""
_SMALLEST_SHARE = 0.0005
"""Smaller shares are written as 0 %."""
_GROUPED = 10_000
"""Numbers from here on have their digits grouped."""
_LARGE = 100
"""Numbers from here on have one digit of their error, smaller ones two."""
_SKEWED = 0.3
"""The difference of the two sides of an interval, as a part of their mean, from which both ends are written."""


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "step"), plural(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits and a true minus sign; a dash for NaN.

    >>> number(-0.5), number(231.412), number(231.412, 3), number(float("nan"))
    ('−0.5', '231.4', '231', '–')
    """
    return "–" if math.isnan(value) else f"{value:.{digits}g}".replace("-", "−")


def two_decimals(value: float) -> str:
    """A number with two decimals, as correlations are written: `−0.31`."""
    return f"{value:.2f}".replace("-", "−")


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage, with two digits below 10 %; a dash for NaN.

    >>> percent(0.314), percent(0.052), percent(0.0001), percent(float("nan"))
    ('31 %', '5.2 %', '0 %', '–')
    """
    if math.isnan(share):
        return "–"
    return f"{100 * share:.2g} %" if _SMALLEST_SHARE <= share < 0.1 else f"{100 * share:.0f} %"


def interval(value: float, low: float, high: float, write: Callable[[float], str] = number) -> str:
    """A value with its interval in brackets, or without brackets if the ends are NaN.

    >>> interval(231.4, 205.1, 252.0), interval(0.31, 0.28, 0.34, percent), interval(2, float("nan"), float("nan"))
    ('231.4 [205.1, 252]', '31 % [28, 34]', '2')
    """
    return write(value) + brackets(low, high, write)


def brackets(low: float, high: float, write: Callable[[float], str] = number) -> str:
    """The brackets of `interval`, with the space before them; "" if the ends are NaN."""
    if math.isnan(low):
        return ""
    ends = ", ".join(write(end).removesuffix(" %") for end in (low, high))
    return f" [{ends}]"


def plus_minus(value: float, low: float, high: float) -> tuple[str, str]:
    """A number and its interval, both with the digits that the interval allows; the interval is "" if there is none.

    Brackets stand where one side is much longer than the other, or where only one of both would contain 0.

    >>> "".join(plus_minus(444.4, 332, 556)), "".join(plus_minus(81.7, 4.4, 183.3)), plus_minus(2, 2, 2)
    ('444 ± 112', '82 [4, 183]', ('2', ''))
    >>> "".join(plus_minus(490.06, 489.37, 490.75)), "".join(plus_minus(-3.2, -6.3, -0.1))
    ('490.1 ± 0.7', '−3.2 ± 3.1')
    >>> "".join(plus_minus(82, 4, 183))
    '82 [4, 183]'
    """
    if math.isnan(low) or not math.isfinite(high - low) or low == high:
        return (f"{value:,.0f}" if abs(value) >= _GROUPED else number(value)).replace("-", "−"), ""
    half = (high - low) / 2
    digits = 1 if abs(value) >= _LARGE else 2
    decimals = max(0, digits - 1 - math.floor(math.log10(half)))

    def write(each: float) -> str:
        return f"{each + 0.0:,.{decimals}f}".replace("-", "−")

    skewed = abs((high - value) - (value - low)) > _SKEWED * half
    crosses = (low > 0) != (value - half > 0) or (high < 0) != (value + half < 0)  # zero, which the interval does not
    if skewed or crosses:
        return write(value), f" [{write(low)}, {write(high)}]"
    return write(value), f" ± {write(half)}"


def ordinal(rank: int) -> str:
    """A rank as text.

    >>> ordinal(1), ordinal(2), ordinal(3), ordinal(11), ordinal(22)
    ('1st', '2nd', '3rd', '11th', '22nd')
    """
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"


def listed(parts: Iterable[str], most: int | None = None) -> str:
    """Parts as a list in a sentence; beyond `most` only how many more there are.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed("abcde", most=3)
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    parts = list(parts)
    if most is not None and len(parts) > most:
        return f"{', '.join(parts[:most])} and {len(parts) - most} more"
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def capitalized(text: str) -> str:
    """The text with its first letter in upper case and everything else as it was."""
    return text[:1].upper() + text[1:]


def nearest_names(name: str, names: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """The names that a misspelled one may stand for, the most similar first; upper and lower case are the same.

    >>> nearest_names("beeswram", ["beeswarm", "importance"])
    ['beeswarm']
    """
    by_lower = {other.lower(): other for other in names}
    matches: Sequence[str] = difflib.get_close_matches(name[:LONGEST_NAME].lower(), by_lower, n=count, cutoff=cutoff)
    return [by_lower[match] for match in matches]


def did_you_mean(name: str, names: Iterable[str], count: int = 3, cutoff: float = 0.5) -> str:
    """The hint for a name that does not exist: the nearest names, or all of them if none is near.

    >>> did_you_mean("gradeint", ["gradient", "shapley"]), did_you_mean("x", ["gradient", "shapley"])
    ('did you mean gradient?', 'there are gradient, shapley')
    """
    names = sorted(names)
    near = nearest_names(name, names, count, cutoff)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names) or 'none'}"
