"""How many torch threads a computation gets: one for a small network, several when they pay off.

Threads wait for each other after every operation. If other programs compete for the processors, one thread is not
running when the others are done, and a layer that takes a tenth of a millisecond then takes as long as the system lets
the other program run: exact Shapley values of a small network took 12 s on two threads and 1.5 s on one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from rltools.errors import ArgumentError
from rltools.policies.base import Policy
from rltools.policies.network_size import row_work

SEVERAL_THREADS_FROM = 4e9
"""Floating-point operations of a forward pass: beside two busy programs on two cores, two threads took 16 times as long
as one for .3e9 of them, 5 times for 1.2e9, 1.2 times for 4.8e9 and .9 times for 11e9; alone, half."""


def compute_threads(policy: Policy, rows: int, threads: int | None = None) -> AbstractContextManager[None]:
    """Let torch compute on some number of threads inside; afterwards the caller's number is restored, whatever happens.

    Args:
        policy: whose network computes.
        rows: how many go through it together.
        threads: how many; None means one, or as many as torch has if a pass is large (`SEVERAL_THREADS_FROM`).

    Raises:
        ArgumentError: fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise ArgumentError(f"threads is {threads}; it must be at least 1")
    if threads is None and not _USERS and torch.get_num_threads() == 1:
        return _AS_IT_IS  # nothing to decide, and an attribution of a few rows takes no longer than deciding
    return _threads(policy, rows, threads)


_AS_IT_IS = nullcontext()


@contextmanager
def _threads(policy: Policy, rows: int, threads: int | None) -> Iterator[None]:
    with _LOCK:
        before = _own_count()
        _USERS.append(before)
    _DEPTH.count = getattr(_DEPTH, "count", 0) + 1
    try:
        torch.set_num_threads(threads or (before if row_work(policy) * rows >= SEVERAL_THREADS_FROM else 1))
        yield
    finally:
        torch.set_num_threads(before)
        _DEPTH.count -= 1
        with _LOCK:
            _USERS.remove(before)


_LOCK = threading.Lock()
_USERS: list[int] = []
_DEPTH = threading.local()


def _own_count() -> int:
    """Torch's count in this thread; a thread new to torch would start with the count that another one set."""
    return torch.get_num_threads() if getattr(_DEPTH, "count", 0) or not _USERS else _USERS[0]
