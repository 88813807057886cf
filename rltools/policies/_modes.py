"""Eval mode for the length of one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from torch import nn


def tree(roots: Iterable[nn.Module]) -> list[nn.Module]:
    """The modules and all that is in them, each once; looked up anew, because layers come and go.

    As `nn.Module.modules()`, in a quarter of its time.
    """
    modules: dict[int, nn.Module] = {}
    pending = [*roots]
    while pending:
        module = pending.pop()
        if id(module) not in modules:
            modules[id(module)] = module
            pending += [child for child in reversed([*module._modules.values()]) if child is not None]
    return list(modules.values())


def modules_behind(function: Any) -> list[nn.Module]:
    """The modules that calling something is known to run: itself, a method's owner, what a lambda closes over."""
    if isinstance(function, nn.Module):
        return [function]
    if isinstance(function, MethodType):
        return modules_behind(function.__self__)
    if isinstance(function, partial):
        return [module for part in (function.func, *function.args) for module in modules_behind(part)]
    if isinstance(function, FunctionType):
        return [module for content in _closed_over(function) for module in modules_behind(content)]
    return []


def _closed_over(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if isinstance(content, nn.Module | MethodType):  # of functions in functions there is no end
            yield content


def evaluating(modules: Iterable[nn.Module]) -> AbstractContextManager[None]:
    """Every module in eval mode inside; afterwards each one's own mode is back, also after an error.

    The flags are set one by one, because `train()` would give all submodules the mode of their parent.
    """
    # Frozen TorchScript has no mode any more.
    training = [module for module in modules if getattr(module, "training", False)]
    return _switched(training) if training else _NOTHING


_NOTHING = nullcontext()


@contextmanager
def _switched(training: list[nn.Module]) -> Iterator[None]:
    for module in training:
        _set_mode(module, False)
    try:
        yield
    finally:
        for module in training:
            _set_mode(module, True)


def _set_mode(module: nn.Module, training: bool) -> None:
    state = vars(module)
    if "training" in state:  # a module looks at whatever is set in it, which for many layers takes longer than they do
        state["training"] = training
    else:  # TorchScript keeps it elsewhere
        module.training = training
