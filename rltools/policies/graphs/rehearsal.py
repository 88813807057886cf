"""Computes a network for the first time, and stops before an operation that would exhaust the machine.

A few bytes of a file can ask for terabytes: a tensor of ones of any size, a padding, a product of two vectors. So
each operation is first computed on the meta device, where tensors have shapes and no numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

from rltools.errors import ModelError, RltoolsError, UnsafeFileError
from rltools.policies.graphs.graph import printable

MOST_BYTES = 64 * 2**20
"""Of what one operation makes, for the few observations of a rehearsal."""
MOST_NUMBERS = 2**28
"""That all operations together make."""
MOST_WORK = 20 * 10**9
"""Floating-point operations: a Nature CNN needs 20 million for an observation."""

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
        reason = " ".join(str(error).split())[:500] or type(error).__name__
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
        self._numbers, self._work = 0, 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation if it makes no more than is left."""
        kwargs = kwargs or {}
        made = _on_meta(function, args, kwargs)
        tensors = [value for value in tree_leaves(made) if isinstance(value, Tensor)]
        size = max((value.numel() * value.element_size() for value in tensors), default=0)
        if size > MOST_BYTES:
            raise _TooCostlyError(
                f"would need {size:,} bytes for what {function.overloadpacket.__name__} makes, above {MOST_BYTES:,}"
            )
        self._numbers += sum(value.numel() for value in tensors)
        if (count := flop_registry.get(function.overloadpacket)) is not None:
            self._work += count(*args, **kwargs, out_val=made)
        if self._numbers > MOST_NUMBERS or self._work > MOST_WORK:
            raise _TooCostlyError(
                f"would need more than {MOST_WORK:,} floating-point operations, or more than {MOST_NUMBERS:,} numbers, "
                f"for a few observations"
            )
        return function(*args, **kwargs)


def _on_meta(function: Any, args: Any, kwargs: Any) -> Any:
    """The result of an operation without numbers; None if torch cannot tell it, as for those that only read."""
    try:
        on_meta = {name: _without_numbers(value) for name, value in kwargs.items()}
        if "device" in on_meta or any(argument.name == "device" for argument in function._schema.arguments):
            on_meta["device"] = torch.device("meta")
        with torch.utils._python_dispatch._disable_current_modes():
            return function(*tree_map(_without_numbers, args), **on_meta)
    except (NotImplementedError, RuntimeError):
        return None


def _without_numbers(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
