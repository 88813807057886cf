"""Eval mode for the length of one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import nn


def evaluating(modules: Sequence[nn.Module]) -> AbstractContextManager[None]:
    """Every module in eval mode inside; afterwards each one's own mode is back, also after an error.

    The flags are set one by one, because `train()` would give all submodules the mode of their parent.
    """
    training = [module for module in modules if module.training]
    return _switched(training) if training else _NOTHING


_NOTHING = nullcontext()


@contextmanager
def _switched(training: Sequence[nn.Module]) -> Iterator[None]:
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
