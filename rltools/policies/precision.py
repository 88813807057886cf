"""Full precision on a GPU, whose convolutions otherwise round their inputs to 10 bits ("TF32")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def full_precision() -> AbstractContextManager[None]:
    """Let a GPU compute products and convolutions of float32 in float32 inside; afterwards all is as before.

    PyTorch lets cuDNN's convolutions use TF32 unless told otherwise. Scores then hardly change, but rectifiers close to
    zero switch: gradients of a CNN differed from the processor's by up to a fifth of the largest one, and by 4e-7 in
    full precision.

    Example:
        >>> import torch
        >>> from rltools.policies.precision import full_precision
        >>> with full_precision():
        ...     torch.ones(2, 2) @ torch.ones(2, 2)
        tensor([[2., 2.],
                [2., 2.]])
    """
    in_use: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return _full_precision() if in_use else _AS_IT_IS


_AS_IT_IS = nullcontext()


@contextmanager
def _full_precision() -> Iterator[None]:
    cudnn: Any = torch.backends.cudnn  # whose attributes its stubs do not have
    settings = (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        yield
    finally:
        for setting, precision in zip(settings, before, strict=True):
            setting.fp32_precision = precision


def in_full_precision(function: Callable[P, T]) -> Callable[P, T]:
    """The function, called with `full_precision`."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with full_precision():
            return function(*args, **kwargs)

    return call
