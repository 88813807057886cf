"""Checks that a row is scored by itself alone, as every attribution assumes.

Neither the other rows of its batch nor the calls before may change its scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from rltools.errors import MismatchError, argument
from rltools.policies.vjp._plan import HOOKS

ROWS = 3
SAME = 1e-4
"""How much the scores of two calls may differ, of the largest of them: parallel sums round differently."""
_HOOKS_OF = itemgetter(*HOOKS)
_METHODS = ("captum.", "rltools.attributions.")


class MixedRowsError(MismatchError):
    """The scores of an observation depend on the others in its batch."""


class UnrepeatableError(MismatchError):
    """The same observations are scored differently at each call."""


def arrangement(modules: Sequence[nn.Module]) -> list[Any]:
    """Whatever could make a network's rows influence each other: its modules, their hooks, and their buffers.

    It is compared to notice a change; the values of parameters do not matter.
    """
    states = [*map(vars, modules)]
    try:
        hooks = sum(map(len, chain.from_iterable(map(_HOOKS_OF, states))))
        absent = [value is None for state in states if state["_buffers"] for value in state["_buffers"].values()]
    except KeyError:  # TorchScript, which does not change
        hooks, absent = 0, []
    return [*modules, *map(type, modules), *map(len, states), hooks, *absent]


def check_repeats(
    name: str, function: Callable[..., Tensor], args: tuple[Any, ...], modules: Sequence[nn.Module]
) -> None:
    """Refuse a function that scores the same rows differently at its next call.

    What acted would be another function than the one that is explained: one that draws random numbers, or that
    remembers earlier calls.

    Args:
        name: what the message calls the function.
        function: from `args` to `[row, k]`.
        args: its arguments; the first axis of every tensor in them are the rows.
        modules: that it computes with, in eval mode.

    Raises:
        UnrepeatableError: it does.
    """
    if any(_is_of_a_method(hook) for module in modules for hook in _hooks(module)):
        return
    few = _rows(args, _spread(args))
    with torch.no_grad():
        first, second = (function(*_copied(few)) for _ in range(2))
    if not isinstance(first, Tensor) or first.shape != second.shape or not first.is_floating_point():
        return  # refused elsewhere
    if first.layout is not torch.strided or first.is_meta:
        return  # refused elsewhere, too
    largest = first.nan_to_num().abs().max().item() if first.numel() else 0.0
    if not torch.allclose(first, second, rtol=0, atol=SAME * largest, equal_nan=True):
        difference = (first - second).nan_to_num().abs().max().item()
        raise UnrepeatableError(
            f"{name} scores the same observations differently when it is called again (by up to {difference:.2g}, "
            f"where the largest score is {largest:.2g}), so what acts would not be what is explained; make its scores "
            f"a function of the observation alone: no random numbers in eval mode (dropout as a function takes "
            f"training=self.training, and a network that is hidden in a function is not put into eval mode), and no "
            f"state of its own between calls (a recurrent state goes through {argument('memory')} of TorchPolicy)"
        )


def check_rows(name: str, function: Callable[..., Tensor], args: tuple[Any, ...], modules: Sequence[nn.Module]) -> bool:
    """Refuse a function whose rows influence each other.

    A row is scored at the same position of batches of the same size that hold different other rows: so a matrix product
    rounds it alike, and any difference comes from the other rows.

    Args:
        name: what the message calls the function.
        function: from `args` to `[row, k]`.
        args: its arguments; the first axis of every tensor in them are the rows, at least two.
        modules: that it computes with, in eval mode.

    Returns:
        Whether the check could tell anything; it cannot if all rows are the same.

    Raises:
        MixedRowsError: they do; the message names the layer if it is found.
    """
    few = _rows(args, _spread(args))
    if all(torch.equal(tensor, tensor[:1].expand_as(tensor)) for tensor in _tensors(few)):
        return False
    if any(_is_of_a_method(hook) for module in modules for hook in _hooks(module)):
        return False
    with torch.no_grad():
        together = function(*_copied(few))
        if not isinstance(together, Tensor) or len(together) != len(next(_tensors(few))):
            return False  # refused elsewhere, for its shape
        for row in range(len(together)):
            beside_itself = _rows(few, [row] * len(together))
            if _differ(function(*_copied(beside_itself))[row], together[row]):
                break
        else:
            return True
        if _differ(function(*_copied(few)), together):
            return True  # it draws random numbers, and rows have nothing to do with it
        culprit = _culprit(function, few, beside_itself, row, modules)
    raise MixedRowsError(
        f"{name} scores an observation differently among other observations{culprit}, so a score or an attribution "
        f"would depend on the rest of its batch; give BatchNorm running statistics (track_running_stats=True), or a "
        f"head that computes each row from that row alone"
    )


def _hooks(module: nn.Module) -> Iterator[Any]:
    state = vars(module)
    return (hook for name in HOOKS for hook in state.get(name, {}).values())


def _is_of_a_method(hook: Any) -> bool:
    """Whether an attribution method registered it for its own calls, whose rows are in an order of their own."""
    return str(getattr(hook, "__module__", "")).startswith(_METHODS)


def _spread(args: tuple[Any, ...]) -> list[int]:
    """A few rows, far from each other."""
    count = next(len(tensor) for tensor in _tensors(args))
    return sorted({round(index * (count - 1) / (ROWS - 1)) for index in range(ROWS)})


def _tensors(args: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor))


def _rows(args: tuple[Any, ...], rows: list[int]) -> tuple[Any, ...]:
    chosen: tuple[Any, ...] = tree_map(lambda value: value[rows] if isinstance(value, Tensor) else value, args)
    return chosen


def _copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies of the arguments, because a network may write into them."""
    copied: tuple[Any, ...] = tree_map(lambda value: value.clone() if isinstance(value, Tensor) else value, args)
    return copied


def _differ(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors differ by more than the last digits, in which parallel sums may differ."""
    if not a.is_floating_point():
        return not torch.equal(a, b)
    return not torch.allclose(a, b, rtol=8 * torch.finfo(a.dtype).eps, atol=1e-30, equal_nan=True)


def _culprit(
    function: Callable[..., Tensor],
    few: tuple[Any, ...],
    beside_itself: tuple[Any, ...],
    row: int,
    modules: Sequence[nn.Module],
) -> str:
    """The layer that mixes rows, as a part of a sentence: its output for a row differs, and its input does not."""
    first = _layer_calls(function, few, modules)
    second = _layer_calls(function, beside_itself, modules)
    names = {id(inner): name for module in modules[:1] for name, inner in module.named_modules()}
    count = len(next(_tensors(few)))
    for (module, *tensors), (_, *beside) in zip(first, second, strict=False):
        if any(len(part) != count for part in (*tensors, *beside)):
            continue
        if not _differ(tensors[0][row], beside[0][row]) and _differ(tensors[1][row], beside[1][row]):
            name = names.get(id(module), "")
            return f" (in its layer {name!r}, {module})" if name else f" (in {type(module).__name__})"
    return ""


def _layer_calls(
    function: Callable[..., Tensor], args: tuple[Any, ...], modules: Sequence[nn.Module]
) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Input and output of each layer, in the order of the calls."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if inputs and all(isinstance(part, Tensor) and part.ndim for part in (inputs[0], output)):
            calls.append((module, inputs[0].clone(), output.clone()))

    layers = [module for module in modules if not any(True for _ in module.children())]
    handles = [layer.register_forward_hook(note) for layer in layers if not isinstance(layer, torch.jit.ScriptModule)]
    try:
        function(*_copied(args))
    finally:
        for handle in handles:
            handle.remove()
    return calls
