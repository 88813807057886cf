"""Numbers, lists and names as text: the one place that decides how a count, a share or an interval is written."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Sequence

LONGEST_NAME = 200
"""Characters of a name that are compared with others: longer ones take long to compare, and no name is so long."""
_SMALLEST_SHARE = 0.0005
"""Smaller shares are written as 0 %."""
_LARGEST = 1e7
"""Larger numbers are written with an exponent."""
_MOST_DECIMALS = 6
_SKEWED = 0.3
"""The difference of the two sides of an interval, as a part of their mean, from which both ends are written."""


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "step"), plural(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, at least those before the decimal point; a dash for NaN.

    >>> number(-0.5), number(231.412), number(231.412, 3), number(3533.4), number(10000), number(float("nan"))
    ('−0.5', '231.4', '231', '3,533', '10,000', '–')
    """
    if math.isnan(value):
        return "–"
    if 10 ** min(digits, 3) - 0.5 <= abs(value) < _LARGEST:
        text = f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def two_decimals(value: float) -> str:
    """A number with two decimals, as correlations are written: `−0.31`."""
    return fixed(value, 2)


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, its thousands grouped and with a true minus sign; a dash for NaN.

    >>> fixed(-0.004, 2), fixed(-1234.5, 1), fixed(float("nan"), 1)
    ('0.00', '−1,234.5', '–')
    """
    return "–" if math.isnan(value) else f"{value:z,.{decimals}f}".replace("-", "−")


def percent(share: float) -> str:
    """A share from 0 to 1 that has no interval as a percentage, with two digits below 10 %; a dash for NaN.

    >>> percent(0.314), percent(0.052), percent(0.0001), percent(float("nan"))
    ('31 %', '5.2 %', '0 %', '–')
    """
    if math.isnan(share):
        return "–"
    return f"{100 * share:.2g} %" if _SMALLEST_SHARE <= share < 0.0995 else f"{100 * share:.0f} %"


def decimals_of(low: float, high: float) -> int:
    """How many decimals an interval allows, for its value and both its ends: the digits follow the error.

    Half of its length keeps one digit, and two if the first of them is 1. An end that is not 0 does not read as 0.

    >>> decimals_of(9.7, 10.9), decimals_of(28, 34), decimals_of(8.7, 11.7), decimals_of(-0.04, 0.02)
    (1, 0, 1, 2)
    >>> decimals_of(332, 556), decimals_of(0.4, 15)
    (0, 1)
    """
    half = (high - low) / 2
    leading = math.floor(math.log10(half))
    decimals = -leading + (half < 2 * 10**leading)
    smallest = min((abs(end) for end in (low, high) if end), default=1.0)
    apart_from_zero = math.ceil(-math.log10(2 * smallest)) if smallest < 0.5 else 0
    return int(min(max(0, decimals, min(apart_from_zero, decimals + 2)), _MOST_DECIMALS))


def has_interval(low: float, high: float) -> bool:
    """Whether there is an interval to be written: its ends are known and finite, and apart from each other."""
    return math.isfinite(high - low) and low < high


def interval(value: float, low: float, high: float, write: Callable[[float], str] = number) -> str:
    """A number with its interval in brackets, all three with the digits that the interval allows.

    Args:
        value: the number.
        low: the lower end; NaN, or the same as `high`, for a number without an interval.
        high: the upper end.
        write: writes a number without an interval.

    >>> interval(231.4, 205.1, 252.0), interval(-0.003404, -0.03784, 0.02448), interval(2, float("nan"), float("nan"))
    ('231 [205, 252]', '0.00 [−0.04, 0.02]', '2')
    """
    if not has_interval(low, high):
        return write(value)
    decimals = decimals_of(low, high)
    first, last = fixed(low, decimals), fixed(high, decimals)
    return write(value) if first == last else f"{fixed(value, decimals)} [{first}, {last}]"


def share_interval(value: float, low: float, high: float) -> tuple[str, str]:
    """A share from 0 to 1 and its interval in percent; the interval is "" if there is none.

    >>> share_interval(0.31, 0.28, 0.34), share_interval(0.102, 0.097, 0.109), share_interval(0.029, 0.0076, 0.15)
    (('31 %', ' [28, 34]'), ('10.2 %', ' [9.7, 10.9]'), ('3 %', ' [1, 15]'))
    >>> share_interval(0.00003, 0.00001, 0.00006), share_interval(0.052, float("nan"), float("nan"))
    (('0 %', ''), ('5.2 %', ''))
    """
    if not has_interval(low, high) or high < _SMALLEST_SHARE:
        return percent(value), ""
    decimals = min(decimals_of(100 * low, 100 * high), 2)
    first, last = (fixed(100 * end, decimals) for end in (low, high))
    return f"{fixed(100 * value, decimals)} %", f" [{first}, {last}]" if first != last else ""


def plus_minus(value: float, low: float, high: float) -> tuple[str, str]:
    """A number and its interval, both with the digits that the interval allows; the interval is "" if there is none.

    Brackets stand where one side is much longer than the other, or where only one of both would contain 0.

    >>> "".join(plus_minus(444.4, 332, 556)), "".join(plus_minus(81.7, 4.4, 183.3)), plus_minus(2, 2, 2)
    ('444 ± 112', '82 [4, 183]', ('2', ''))
    >>> "".join(plus_minus(490.06, 489.37, 490.75)), "".join(plus_minus(-3.2, -6.3, -0.1))
    ('490.1 ± 0.7', '−3.2 ± 3.1')
    """
    if not has_interval(low, high):
        return number(value), ""
    half, decimals = (high - low) / 2, decimals_of(low, high)
    skewed = abs((high - value) - (value - low)) > _SKEWED * half
    crosses = (low > 0) != (value - half > 0) or (high < 0) != (value + half < 0)  # zero, which the interval does not
    if skewed or crosses:
        return fixed(value, decimals), f" [{fixed(low, decimals)}, {fixed(high, decimals)}]"
    return fixed(value, decimals), f" ± {fixed(half, decimals)}"


def with_unit(name: str, unit: str) -> str:
    """A feature with its unit, as on an axis; a unit that is a multiple, by which values are divided, as a divisor.

    >>> with_unit("angle", "rad"), with_unit("y velocity", "7.5 length units/s"), with_unit("contact", "")
    ('angle (rad)', 'y velocity / (7.5 length units/s)', 'contact')
    """
    if not unit:
        return name
    return f"{name} / ({unit})" if is_multiple(unit) else f"{name} ({unit})"


def value_with_unit(value: str, unit: str) -> str:
    """A value with its unit; of a unit that is a multiple as a product.

    >>> value_with_unit("−0.80", "7.5 length units/s"), value_with_unit("0.1", "rad"), value_with_unit("1", "")
    ('−0.80 × 7.5 length units/s', '0.1 rad', '1')
    """
    return f"{value} × {unit}" if is_multiple(unit) else f"{value} {unit}".rstrip()


def is_multiple(unit: str) -> bool:
    """Whether a unit begins with a number, so that it is a multiple of a unit: "7.5 length units/s"."""
    return unit[:1].isdigit()


def ordinal(rank: int) -> str:
    """A rank as text.

    >>> ordinal(1), ordinal(2), ordinal(3), ordinal(11), ordinal(22)
    ('1st', '2nd', '3rd', '11th', '22nd')
    """
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"


def ordinal_word(rank: int) -> str:
    """A rank in a sentence.

    >>> ordinal_word(1), ordinal_word(3), ordinal_word(7)
    ('first', 'third', '7th')
    """
    return {1: "first", 2: "second", 3: "third"}.get(rank) or ordinal(rank)


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


def one_line(text: object) -> str:
    r"""A text on a single line, for instance the message of another library's error.

    >>> one_line(ValueError("no such\n  file"))
    'no such file'
    """
    return " ".join(str(text).split())


def cut(text: str, longest: int) -> str:
    """A text of at most so many characters; the end of a longer one is replaced by dots.

    >>> cut("a long name", 8), cut("a name", 8)
    ('a lon...', 'a name')
    """
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def first_line(function: object) -> str:
    """The first line of a function's docstring; "" without one.

    >>> first_line(cut)
    'A text of at most so many characters; the end of a longer one is replaced by dots.'
    """
    return (inspect.getdoc(function) or "").split("\n", 1)[0]
