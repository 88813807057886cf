"""Controls: maps that know nothing of the agent, and the verdict on an attribution beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Control = Literal["random", "std", "constant"]
"""Random numbers, the std of the features alone, or a number that is the same everywhere."""
CONTROL_NAMES = {
    "random": "random numbers",
    "std": "the std of the features alone",
    "constant": "equal numbers for all features",
}
"""The controls in words."""


def verdict(better_than: Sequence[str], not_better_than: Sequence[str], unknown: Sequence[str]) -> str:
    """Whether an attribution certainly differs from its controls, as a sentence.

    >>> verdict(["random"], ["std"], [])
    'Better than random numbers, but not certainly better than the std of the features alone.'
    >>> verdict([], ["random"], [])  # which may be certainly better itself
    'Not certainly better than random numbers.'
    """
    better = f"Better than {_named(better_than, 'and')}" if better_than else ""
    if not_better_than:
        start = f"{better}, but not certainly better than" if better else "Not certainly better than"
        return f"{start} {_named(not_better_than, 'or')}."
    if unknown:
        return f"Without an interval nothing separates it from {_named(unknown, 'or')}."
    return f"{better}." if better else ""


def _named(controls: Sequence[str], last: str) -> str:
    *others, final = (CONTROL_NAMES[name] for name in controls)
    return f"{', '.join(others)} {last} {final}" if others else final
