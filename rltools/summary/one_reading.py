"""Reads the files of a recording once for everything that a page shows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")
_RESULTS: ContextVar[dict[Hashable, Any] | None] = ContextVar("results", default=None)


@contextmanager
def one_reading() -> Iterator[None]:
    """A context in which sums over a recording are computed once, and are those of its files at that time.

    A page has many texts and plots that need the same sums. Outside of such a context every call reads the files again,
    because they may have changed.

    >>> counts = []
    >>> with one_reading():
    ...     _ = once("sums", lambda: counts.append(1)), once("sums", lambda: counts.append(1))
    >>> len(counts)
    1
    """
    if _RESULTS.get() is not None:
        yield
        return
    token = _RESULTS.set({})
    try:
        yield
    finally:
        _RESULTS.reset(token)


def once(key: Hashable, compute: Callable[[], Result]) -> Result:
    """What `compute` returns; in `one_reading` what it returned the first time for this key."""
    results = _RESULTS.get()
    if results is None:
        return compute()
    if key not in results:
        results[key] = compute()
    result: Result = results[key]
    return result
