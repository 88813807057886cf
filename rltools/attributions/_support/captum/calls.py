"""Calls a class of Captum on a target function for every target, row and reference, and leaves no hooks behind."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rltools.attributions._support.coalitions import Groups, owners
from rltools.attributions._support.hooks import Bends, check_hooks, is_not_linear, is_rectifier, own_inputs
from rltools.errors import ArgumentError, MethodError, RltoolsError
from rltools.policies.precision import full_precision
from rltools.targets.function import TargetFunction

_BENT = (
    *(nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
)
HOOKED: dict[str, tuple[tuple[type[nn.Module], ...], Bends]] = {
    "DeepLift": (_BENT, is_not_linear),
    "DeepLiftShap": (_BENT, is_not_linear),
    "GuidedBackprop": ((nn.ReLU,), is_rectifier),
    "Deconvolution": ((nn.ReLU,), is_rectifier),
}
"""Classes that hook modules: the modules they have a rule for, and the operations that only these may do."""
DRAWN_BY_ROW = ("GradientShap", "KernelShap", "Lime")
"""Classes that draw for each row of a batch; they are called with one row at a time, so that rows share the draws."""


class TargetModule(nn.Module):
    """A target function as the module that Captum needs, with the policy's network inside it for hooks.

    Captum expands and splits batches in its own ways, and does the same with its "additional forward arguments": here
    the number of each row, which selects the row's target function.
    """

    def __init__(self, f: TargetFunction) -> None:
        super().__init__()
        if f.network is not None:
            self.network = f.network
        self._f = f

    def forward(self, x: Tensor, number: Tensor) -> Tensor:
        """`[row, *feature]` and int64 `[row]` -> `[row, target]`."""
        return self._f.rows(number)(x)


def captum(name: str) -> Any:
    """Import `captum.attr`, for the method of this name.

    Raises:
        ArgumentError: Captum is not installed.
    """
    try:
        return import_module("captum.attr")
    except ImportError:
        raise ArgumentError(
            f'{name} is computed by Captum, which is not installed: pip install "rltools-attribution[captum]"'
        ) from None


def attributed(
    name: str,
    short: str,
    f: TargetFunction,
    x: Tensor,
    references: Tensor | None = None,
    *,
    several: bool = False,
    seed: int | None = None,
    groups: Groups | None = None,
    **arguments: Any,
) -> Tensor:
    """The attributions `[batch, target, *feature]` of a class of `captum.attr`.

    Args:
        name: of the method, for messages.
        short: the name of the class.
        f: the target function.
        x: `[batch, *feature]`.
        references: `[reference, *feature]`, for classes that take baselines; the mean over them is taken.
        several: pass all references together, and not one at a time.
        seed: of its draws, if it draws.
        groups: of elements that it treats as one feature.
        arguments: of `attribute`.

    Raises:
        ArgumentError: Captum is missing, or its hooks would not see all of the network.
        MethodError: Captum refuses.
    """
    kind = getattr(captum(name), short)
    if len(x) == 0:
        return x.new_zeros(0, f.outputs, *x.shape[1:])
    owner = owners(x, groups)
    if groups is not None:
        arguments["feature_mask"] = owner.reshape(1, *x.shape[1:])
    numbers = torch.arange(len(x), device=x.device)
    rows = torch.split(numbers, 1 if short in DRAWN_BY_ROW else len(x))
    with _hooks(name, short, f, x), _refusals_named(name, short):
        method = kind(TargetModule(f))
        parts = [
            torch.cat([_mean(method, x[row], row, references, target, several, seed, arguments) for row in rows])
            for target in range(f.outputs)
        ]
    values = torch.stack(parts, 1)
    # Captum gives each element of a group the value of the group.
    return values if groups is None else values / torch.bincount(owner)[owner].reshape(x.shape[1:])


def _hooks(name: str, short: str, f: TargetFunction, x: Tensor) -> AbstractContextManager[None]:
    if short not in HOOKED:
        return nullcontext()
    kinds, bends = HOOKED[short]
    check_hooks(name, f, x, kinds, bends)
    assert f.network is not None
    return own_inputs(f.network, kinds)


@contextmanager
def _refusals_named(name: str, short: str) -> Iterator[None]:
    try:
        yield
    except (RltoolsError, torch.cuda.OutOfMemoryError):
        raise
    # Its classes refuse in many ways, all of them about their arguments.
    except Exception as error:
        raise MethodError(
            f"{name} cannot explain this score; {short} of Captum says {type(error).__name__}: {error}"
        ) from error


def _mean(
    method: Any,
    x: Tensor,
    numbers: Tensor,
    references: Tensor | None,
    target: int,
    several: bool,
    seed: int | None,
    arguments: dict[str, Any],
) -> Tensor:
    """The mean over references of the values `[row, *feature]` of one target."""
    if references is None:
        return _attribute(method, x, numbers, target, seed, arguments)
    if several:
        # Captum does not take a single reference for a distribution.
        baselines = [references if len(references) > 1 else references.repeat(2, *[1] * (x.ndim - 1))]
    else:
        baselines = [reference.expand_as(x) for reference in references]
    total = torch.zeros_like(x)
    for baseline in baselines:
        total += _attribute(method, x, numbers, target, seed, arguments | {"baselines": baseline.clone()})
    return total / len(baselines)


def _attribute(
    method: Any, x: Tensor, numbers: Tensor, target: int, seed: int | None, arguments: dict[str, Any]
) -> Tensor:
    of_gradients = isinstance(method, captum(type(method).__name__).GradientAttribution)
    leaf = x.detach().clone().requires_grad_(of_gradients)
    with warnings.catch_warnings(), full_precision(), nullcontext() if seed is None else seeded(seed, x.device):
        # It warns of hooks that are removed when it returns.
        warnings.filterwarnings("ignore", r"Setting (forward, )?backward hooks", UserWarning)
        values: Tensor = method.attribute(leaf, target=target, additional_forward_args=(numbers,), **arguments)
    return values.detach().to(x)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed every global random state that a library may draw from, and restore it afterwards."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - the global state is the point
    on_gpu = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=on_gpu):
        torch.default_generator.manual_seed(seed)
        for gpu in on_gpu:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
