"""Upper limits of arguments: far beyond what is needed, so that a mistyped or malicious number fails immediately."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any

from rltools.errors import ArgumentError

MAX_EPISODES = 1_000_000
MAX_STEPS = 1_000_000_000
"""Steps of an episode."""
MAX_SEED = 10**18
"""Seed of the first episode; those of the others are larger, and all fit into 64 bits."""
MAX_REFERENCES = 100_000
MAX_WINDOW = 10_000
"""Past observations that a recurrent policy is explained through."""
MAX_PARAMETER = 100_000
"""Numeric parameters of a method: samples, masks, pixels, ..."""
MAX_TEXT = 1_000
"""Characters of a text parameter of a method."""
MAX_THREADS = 4096
MAX_TARGETS = 100
"""Scores that one target combines."""
MAX_WRAPPERS = 50
"""Wrappers around an environment."""
MAX_STACK = 100
"""Observations that the wrappers named in a file stack, multiplied over all wrappers."""
MAX_ARGUMENTS = 10_000
"""Values in the arguments of an environment or a wrapper named in a file, and characters of a value."""
_MOST_DIGITS = 30
# By a word in the name of an argument; the first match counts.
_LIMITS = (
    ({"steps", "seed", "time", "reward", "frames", "episode", "limit"}, MAX_SEED),
    ({"stack"}, MAX_STACK),
    ({"size", "width", "height", "depth", "rows", "cols", "columns", "shape", "resolution", "dim", "dims"}, 2048),
    ({"skip", "repeat", "repeats", "duration", "delay"}, 10_000),
    ({"num", "n", "count", "bins", "length", "agents", "obstacles", "rooms", "vehicles", "lanes"}, MAX_PARAMETER),
)


def check_count(name: str, number: Any, *, least: int = 1, most: int) -> None:
    """Check that an argument is a whole number within limits.

    Raises:
        ArgumentError: it is not.

    >>> check_count("episodes", 10**40, most=MAX_EPISODES)
    Traceback (most recent call last):
    rltools.errors.ArgumentError: episodes is a number of 41 digits; it must be at most 1,000,000
    """
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise ArgumentError(f"{name} is {number!r:.80}; it must be a whole number from {least:,} to {most:,}")
    count = operator.index(number)
    if count < least:
        raise ArgumentError(f"{name} is {in_digits(count)}; it must be at least {least:,}")
    if count > most:
        raise ArgumentError(f"{name} is {in_digits(count)}; it must be at most {most:,}")


def check_level(level: Any) -> None:
    """Check that the level of an interval is between 0 and 1.

    Raises:
        ArgumentError: it is not.

    >>> check_level(95)
    Traceback (most recent call last):
    rltools.errors.ArgumentError: level=95: the level is between 0 and 1, for instance 0.95
    """
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ArgumentError(f"level={level!r}: the level is between 0 and 1, for instance 0.95")


def in_digits(number: float) -> str:
    """A number for a message, or its number of digits if it is too long to read or even to convert to text."""
    if not isinstance(number, int):
        return f"{number}"
    digits = len(str(abs(number))) if number.bit_length() < 10_000 else round(number.bit_length() * 0.30103)
    return f"{number:,}" if digits <= _MOST_DIGITS else f"a number of {digits:,} digits"


def oversized(arguments: Any, name: str = "") -> str:
    """Says which argument of an environment or a wrapper named in a file is far too large; "" if none is.

    Arguments whose names say how much of something is allocated have small limits.

    Args:
        arguments: plain data.
        name: of the argument that the data are, or are part of.

    >>> oversized({"stack_size": 10**9}), oversized({"max_steps": 10_000})
    ('stack_size is 1,000,000,000, above the limit of 100', '')
    """
    left = MAX_ARGUMENTS
    pending: list[tuple[str, Any]] = [(name, arguments)]
    while pending:
        name, value = pending.pop()
        left -= 1
        if left < 0:
            return f"there are more than {MAX_ARGUMENTS:,} arguments"
        if isinstance(value, dict):
            pending += [(str(key), element) for key, element in value.items()]
        elif isinstance(value, list | tuple):
            pending += [(name, element) for element in value]
        elif isinstance(value, str) and len(value) > MAX_ARGUMENTS:
            return f"{name[:80]} is a text of {len(value):,} characters, above the limit of {MAX_ARGUMENTS:,}"
        elif isinstance(value, int) and abs(value) > (most := _limit(name)):
            return f"{name[:80]} is {in_digits(value)}, above the limit of {most:,}"
    return ""


def _limit(name: str) -> int:
    words = set(name.lower().split("_"))
    return next((most for keywords, most in _LIMITS if words & keywords), MAX_SEED)
