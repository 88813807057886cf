"""Checks that all names and lists in an experiment file share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from rltools.cards import must_match

MAX_ELEMENTS = 200
"""The most elements of a list in an experiment file."""


Name = Annotated[
    str,
    must_match(
        "[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}",
        "up to 80 letters A-Z and a-z, digits, '_', '.', '+' and '-', of which the first is a letter or a digit",
    ),
]
"""A name that labels and folders are made of."""


def file_safe(text: str) -> str:
    """A text as a part of a label, which every file system takes.

    Example:
        >>> from rltools.experiments._elements import file_safe
        >>> file_safe("ALE/Pong-v5"), file_safe("gravity=-12")
        ('ALE-Pong-v5', 'gravity=-12')
    """
    return re.sub(r"[^A-Za-z0-9_.+=,@-]+", "-", text)


def check_most(elements: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same elements, unless there are too many.

    Raises:
        ValueError: there are more than `MAX_ELEMENTS`.
    """
    if len(elements) > MAX_ELEMENTS:
        raise ValueError(f"must have at most {MAX_ELEMENTS} elements, and has {len(elements):,}")
    return elements


def _check_length(elements: tuple[Any, ...]) -> tuple[Any, ...]:
    if not elements:
        raise ValueError("must have at least one element")
    return check_most(elements)


NOT_EMPTY = AfterValidator(_check_length)
"""Refuses an empty list; not `min_length`, which counts refused elements, too, and then reports a second fault."""
