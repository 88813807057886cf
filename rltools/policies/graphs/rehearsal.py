"""Computes a network for the first time, and stops before an operation that would exhaust the machine.

A few bytes of a file can ask for terabytes: a tensor of ones of any size, a padding, a product of two vectors. So
before each of torch's operations it is reckoned how many numbers it will make, from the sizes of what it takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rltools._util.text import one_line
from rltools.errors import ModelError, RltoolsError, UnsafeFileError
from rltools.policies.untrusted.messages import printable

MOST_NUMBERS = 2**24
"""That one operation makes for the few observations of a rehearsal: 64 MiB."""
MOST_WORK = 5 * 10**9
"""Additions and multiplications of all operations together: a Nature CNN needs 20 million for an observation."""

T = TypeVar("T")


def rehearsed(path: Path, compute: Callable[[], T]) -> T:
    """What a function returns that computes a network of a file for a few observations.

    Raises:
        UnsafeFileError: it would need far more memory or work than a policy's network does.
        ModelError: it cannot be computed.
    """
    try:
        with torch.no_grad(), _Bounded():
            return compute()
    except _TooCostlyError as error:
        raise UnsafeFileError(f"{path}: its network {error}; not used. Give a smaller network") from error
    except RltoolsError:
        raise
    except Exception as error:  # whatever torch says about sizes, types and values
        reason = one_line(error)[:500] or type(error).__name__
        raise ModelError(
            f"{path} cannot be computed for observations of this environment: {printable(reason, 500)}; give the "
            f"environment it was trained in, or export the network again"
        ) from error


class _TooCostlyError(RltoolsError):
    """An operation that was not done."""


class _Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stops before an operation that makes too much."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._work = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Without this torch imports its compiler at the first operation, which takes more than a second."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation if it makes no more than is left."""
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        numbers, each = estimated_size(name, args, [*args, *kwargs.values()])
        if numbers > MOST_NUMBERS:
            raise _TooCostlyError(f"would need {numbers:,} numbers for what {name} makes, above {MOST_NUMBERS:,}")
        self._work += numbers * each
        if self._work > MOST_WORK:
            raise _TooCostlyError(f"would need more than {MOST_WORK:,} multiplications for a few observations")
        return function(*args, **kwargs)


def estimated_size(name: str, args: Sequence[Any], values: Sequence[Any]) -> tuple[int, int]:
    """At most how many numbers an operation of torch makes, and how many multiplications each of them needs.

    Args:
        name: of the operation, without its overload.
        args: its arguments by position.
        values: all its arguments.
    """
    if name in _OWN:
        return _OWN[name](args)
    tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
    together = sum(value.numel() for value in tensors)
    # torch.broadcast_shapes imports sympy, which takes half a second.
    aligned = zip_longest(*(reversed(value.shape) for value in tensors), fillvalue=1)
    return max(together, math.prod(max(sizes) for sizes in aligned)), 1


def _product(a: Tensor, b: Tensor) -> tuple[int, int]:
    inner = a.shape[-1] if a.ndim else 1
    columns = b.shape[-1] if b.ndim > 1 else 1
    return a.numel() // max(1, inner) * columns, 2 * inner


def _convolution(args: Sequence[Any]) -> tuple[int, int]:
    x, weight, padding = args[0], args[1], args[4]
    sizes = [size + 2 * abs(pad) for size, pad in zip(x.shape[2:], [*padding, *padding, *padding], strict=False)]
    stride = min([abs(step) for step in args[3]] or [1])
    windows = math.prod(max(1, size // max(1, stride)) for size in sizes)
    return x.shape[0] * weight.shape[0] * windows, 2 * weight[0].numel() if len(weight) else 1


def _of_size(args: Sequence[Any]) -> tuple[int, int]:
    """A tensor of the sizes that are its last list; a negative one keeps the size that is there."""
    sizes = next((value for value in args if isinstance(value, list | tuple)), ())
    x = args[0] if isinstance(args[0], Tensor) else None
    own_sizes = [1] * len(sizes) if x is None else [1] * (len(sizes) - x.ndim) + list(x.shape)
    return math.prod(size if size >= 0 else own for size, own in zip(sizes, own_sizes, strict=False)), 1


def _padded(args: Sequence[Any]) -> tuple[int, int]:
    x, pads = args[0], args[1]
    sizes = [*reversed(x.shape)]
    for axis in range(min(len(pads) // 2, len(sizes))):
        sizes[axis] += abs(pads[2 * axis]) + abs(pads[2 * axis + 1])
    return math.prod(sizes), 1


def _range(args: Sequence[Any]) -> tuple[int, int]:
    start, end, step = (*args, 1)[:3] if len(args) > 1 else (0, args[0], 1)
    return 1 + int(min(abs(end - start) / max(abs(step), 1e-30), 1e30)), 1


def _chosen(args: Sequence[Any]) -> tuple[int, int]:
    x, axis, positions = args[0], args[1], args[2]
    return x.numel() // max(1, x.shape[axis] if x.ndim else 1) * positions.numel(), 1


def _pooled(args: Sequence[Any]) -> tuple[int, int]:
    x, sizes = args[0], args[1]
    return math.prod(x.shape[: max(0, x.ndim - len(sizes))]) * math.prod(map(abs, sizes)), 1


def _recurrent(args: Sequence[Any]) -> tuple[int, int]:
    x = args[0]
    size = max(
        (value.shape[-1] for value in tree_leaves(args[1:]) if isinstance(value, Tensor) and value.ndim), default=1
    )
    return x.numel() // max(1, x.shape[-1]) * size, 16 * (x.shape[-1] + size)


_OWN: dict[str, Callable[[Sequence[Any]], tuple[int, int]]] = {
    "_adaptive_avg_pool2d": _pooled,
    "addmm": lambda args: _product(args[1], args[2]),
    "arange": _range,
    "baddbmm": lambda args: _product(args[1], args[2]),
    "bmm": lambda args: _product(args[0], args[1]),
    "constant_pad_nd": _padded,
    "convolution": _convolution,
    "index_select": _chosen,
    "mkldnn_rnn_layer": _recurrent,
    "mm": lambda args: _product(args[0], args[1]),
    "mv": lambda args: _product(args[0], args[1]),
    "repeat": lambda args: (args[0].numel() * math.prod(map(abs, args[1])), 1),
    **dict.fromkeys(
        ("empty", "expand", "full", "new_empty", "new_full", "new_ones", "new_zeros", "ones", "zeros"), _of_size
    ),
    **dict.fromkeys((f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)), _padded),
}
"""Operations that make more than they take; others make at most as many numbers as they take, or broadcast these."""
