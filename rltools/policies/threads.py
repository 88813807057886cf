"""How many torch threads a computation gets: one for a small network, several when they pay off.

Threads wait for each other after every operation. If other programs compete for the processors, one thread is not
running when the others are done, and a layer that takes a tenth of a millisecond then takes as long as the system lets
the other program run: exact Shapley values of a small network took 12 s on two threads and 1.5 s on one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from rltools.errors import ArgumentError
from rltools.policies.base import Policy

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


def row_work(policy: Policy) -> float:
    """Floating-point operations for one row, from the layers' weights and the size of the image; 0 for a function.

    An estimate that runs nothing and is the same on every machine: two per weight, times the positions of a
    convolution.
    """
    module, inner = getattr(policy, "module", None), getattr(policy, "policy", None)
    if not isinstance(module, nn.Module):  # the observations of a window go through its policy one after another
        return 0.0 if inner is None else getattr(policy, "lags", 1) * row_work(inner)
    if module not in _WORK:
        _WORK[module] = _module_work(module, _image_size(policy))
    return _WORK[module]


_WORK: WeakKeyDictionary[nn.Module, float] = WeakKeyDictionary()


def _image_size(policy: Policy) -> tuple[int, ...]:
    """Height and width of the largest image in the observation; () if there is none."""
    sizes = [
        tuple(length for length, axis in zip(part.shape, part.dims, strict=True) if axis in ("y", "x"))
        for part in policy.features.parts
    ]
    return max((size for size in sizes if len(size) == 2), key=prod, default=())


def _module_work(module: nn.Module, image: tuple[int, ...]) -> float:
    size, work = image, 0.0
    for layer in module.modules():
        weights = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        if hasattr(layer, "kernel_size") and hasattr(layer, "stride"):
            size = _output_size(layer, size)
            work += 2.0 * weights * prod(size)
        elif weights:
            work += 2.0 * weights
            size = image if isinstance(layer, nn.Linear) else size  # a convolution after it belongs to another branch
    return work


def _output_size(layer: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of what a convolution or pooling outputs for an image of this size."""

    def along(setting: Any, axis: int) -> int:
        return int(setting[axis] if isinstance(setting, tuple) else setting)

    if layer.padding == "same":
        return size
    padding = 0 if isinstance(layer.padding, str) else layer.padding
    stride = layer.kernel_size if layer.stride is None else layer.stride
    dilation = getattr(layer, "dilation", 1)
    lengths = [
        (length + 2 * along(padding, axis) - along(dilation, axis) * (along(layer.kernel_size, axis) - 1) - 1)
        // along(stride, axis)
        + 1
        for axis, length in enumerate(size)
    ]
    return tuple(max(1, count) for count in lengths)
