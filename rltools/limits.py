"""How much can be asked for at once: far more than anybody needs, and little enough to be refused in no time beyond it.

A number can come out of somebody's file, or have a digit too many.
"""

from __future__ import annotations

import operator
from typing import Any

from rltools.errors import ArgumentError

MAX_EPISODES = 1_000_000
MAX_STEPS = 1_000_000_000
"""Of an episode."""
MAX_SEED = 10**18
"""Of the first episode; the others follow, and all fit into 64 bits."""
MAX_REFERENCES = 100_000
MAX_WINDOW = 10_000
"""Observations that a recurrent policy is explained through."""
MAX_PARAMETER = 100_000
"""Of a method: samples, masks, pixels and the like."""
MAX_TARGETS = 100
"""Scores in one target."""
_MOST_DIGITS = 30


def check_count(name: str, number: Any, *, least: int = 1, most: int) -> None:
    """Refuse what is no whole number, too small or too large.

    Raises:
        ArgumentError: it is.

    >>> check_count("episodes", 10**40, most=MAX_EPISODES)
    Traceback (most recent call last):
    rltools.errors.ArgumentError: episodes is a number of 41 digits; it must be at most 1,000,000
    """
    try:
        count = operator.index(number)
    except TypeError:
        raise ArgumentError(f"{name} is {number!r:.80}; it must be a whole number from {least:,} to {most:,}") from None
    if count < least:
        raise ArgumentError(f"{name} is {in_digits(count)}; it must be at least {least:,}")
    if count > most:
        raise ArgumentError(f"{name} is {in_digits(count)}; it must be at most {most:,}")


def in_digits(number: float) -> str:
    """A number for a message; of one too long to be read, and perhaps to be written, how long it is."""
    if not isinstance(number, int):
        return f"{number}"
    if number.bit_length() <= _MOST_DIGITS:
        return f"{number}"
    digits = len(str(abs(number))) if number.bit_length() < 10_000 else round(number.bit_length() * 0.30103)
    return f"{number:,}" if digits <= _MOST_DIGITS else f"a number of {digits:,} digits"
