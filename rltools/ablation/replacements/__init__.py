"""What stands in the place of hidden values: one file each, found by its place.

A file `name.py` here holds the replacement `name`, declared with `@replacement`; nothing else is edited to add one.
Read `resample.py` first.
"""

from __future__ import annotations

from rltools._util.discovery import load_member, loadable, unknown_name
from rltools.ablation.replacements._replacement import (
    Replacement,
    ReplacementInput,
    Visited,
    replacement,
)
from rltools.errors import ArgumentError, RltoolsError

__all__ = [
    "Replacement",
    "ReplacementInput",
    "Visited",
    "find_replacement",
    "replaced_by",
    "replacement",
    "replacement_names",
]


def replacement_names() -> tuple[str, ...]:
    """The names of all replacements, in alphabetical order.

    Example:
        >>> from rltools.ablation.replacements import replacement_names
        >>> replacement_names()
        ('hold', 'mean', 'nearest', 'resample', 'zero')
    """
    return loadable(__name__)


def find_replacement(name: str) -> Replacement:
    """The replacement of this name.

    Raises:
        UnknownNameError: there is none; the message has the nearest ones.
        ArgumentError: it is not a name.

    Example:
        >>> from rltools.ablation.replacements import find_replacement
        >>> find_replacement("mean").phrase
        'its mean over visited states'
    """
    if not isinstance(name, str):
        raise ArgumentError(f"a replacement is given by its name, for instance 'resample', not as {name!r:.80}")
    if name not in replacement_names():
        raise unknown_name("replacement", name, replacement_names())
    declared = load_member(f"{__name__}.{name}", name)
    if not isinstance(declared, Replacement):
        raise ArgumentError(f"{name} in replacements/{name}.py is no replacement; declare it with @replacement(...)")
    return declared


def replaced_by(name: str) -> str:
    """What a sentence says of a replacement; one that is not installed here is called by its name.

    Example:
        >>> from rltools.ablation.replacements import replaced_by
        >>> replaced_by("resample"), replaced_by("median")
        ('replaced by that of another visited state', 'replaced by median')
    """
    try:
        return f"replaced by {find_replacement(name).phrase}"
    except RltoolsError:
        return f"replaced by {name}"
