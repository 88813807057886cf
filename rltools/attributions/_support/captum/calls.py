"""A method of Captum, asked of a score: every target, row and reference, and nothing left behind."""

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
from rltools.attributions._support.method import TargetFunction
from rltools.errors import ArgumentError, MethodError, RltoolsError

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
"""Methods that hook modules: those they have a rule for, and what must be done by these alone."""
DRAWN_BY_ROW = ("GradientShap", "KernelShap", "Lime")
"""Methods that draw for each row of a batch; they are given one row at a time, so that all rows share the draws."""


class ScoreModule(nn.Module):
    """A score as the module that Captum wants, with the policy's network inside it for hooks.

    Captum expands and cuts batches in its own ways, and does the same with what it calls additional arguments: the
    number of each row, by which it finds its own score again.
    """

    def __init__(self, score: TargetFunction) -> None:
        super().__init__()
        if score.network is not None:
            self.network = score.network
        self._rows = score.rows  # a method, so that a score that is a module does not become a part

    def forward(self, x: Tensor, number: Tensor) -> Tensor:
        """`[row, *feature]` and int64 `[row]` -> `[row, target]`."""
        return self._rows(number)(x)


def captum(name: str) -> Any:
    """The module `captum.attr`, for the method of this name.

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
    score: TargetFunction,
    x: Tensor,
    references: Tensor | None = None,
    *,
    several: bool = False,
    seed: int | None = None,
    groups: Groups | None = None,
    **arguments: Any,
) -> Tensor:
    """What a class of `captum.attr` says, `[batch, target, *feature]`.

    Args:
        name: of the method, for messages.
        short: the name of the class.
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: `[batch, *feature]`.
        references: `[reference, *feature]`, for classes that take baselines; the mean over them is taken.
        several: give it all references at once, and not one at a time.
        seed: of what it draws, where it draws.
        groups: which entries are one feature to it.
        arguments: of `attribute`.

    Raises:
        ArgumentError: Captum is missing, or its hooks would not see all of the network.
        MethodError: Captum refuses.
    """
    kind = getattr(captum(name), short)
    if len(x) == 0:
        return x.new_zeros(0, score.outputs, *x.shape[1:])
    owner = owners(x, groups)
    if groups is not None:
        arguments["feature_mask"] = owner.reshape(1, *x.shape[1:])
    numbers = torch.arange(len(x), device=x.device)
    rows = torch.split(numbers, 1 if short in DRAWN_BY_ROW else len(x))
    with _hooks(name, short, score, x), _refusals_named(name, short):
        method = kind(ScoreModule(score))
        parts = [
            torch.cat([_mean(method, x[row], row, references, target, several, seed, arguments) for row in rows])
            for target in range(score.outputs)
        ]
    found = torch.stack(parts, 1)
    # Captum gives each entry of a group what the whole group has.
    return found if groups is None else found / torch.bincount(owner)[owner].reshape(x.shape[1:])


def _hooks(name: str, short: str, score: TargetFunction, x: Tensor) -> AbstractContextManager[None]:
    if short not in HOOKED:
        return nullcontext()
    kinds, bends = HOOKED[short]
    check_hooks(name, score, x, kinds, bends)
    assert score.network is not None
    return own_inputs(score.network, kinds)


@contextmanager
def _refusals_named(name: str, short: str) -> Iterator[None]:
    try:
        yield
    except (RltoolsError, torch.cuda.OutOfMemoryError):
        raise
    # Its methods refuse in many ways, all of them about what they were given.
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
        return _asked(method, x, numbers, target, seed, arguments)
    if several:
        # Captum takes no single one for a distribution.
        starts = [references if len(references) > 1 else references.repeat(2, *[1] * (x.ndim - 1))]
    else:
        starts = [start.expand_as(x) for start in references]
    total = torch.zeros_like(x)
    for start in starts:
        total += _asked(method, x, numbers, target, seed, arguments | {"baselines": start.clone()})
    return total / len(starts)


def _asked(method: Any, x: Tensor, numbers: Tensor, target: int, seed: int | None, arguments: dict[str, Any]) -> Tensor:
    of_gradients = isinstance(method, captum(type(method).__name__).GradientAttribution)
    given = x.detach().clone().requires_grad_(of_gradients)
    with warnings.catch_warnings(), nullcontext() if seed is None else seeded(seed, x.device):
        # It announces hooks that are gone when it returns.
        warnings.filterwarnings("ignore", r"Setting (forward, )?backward hooks", UserWarning)
        found: Tensor = method.attribute(given, target=target, additional_forward_args=(numbers,), **arguments)
    return found.detach().to(x)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Every global random state that a library may draw from starts at the seed, and is as before afterwards."""
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
