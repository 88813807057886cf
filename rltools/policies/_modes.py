"""Eval mode for the length of one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Every module in eval mode inside; afterwards each one's own mode is back, also after an error.

    The flags are set one by one, because `train()` would give all submodules the mode of their parent.
    """
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
