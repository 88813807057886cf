"""Checks that each row of a batch is scored independently of the others, as every attribution takes for granted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from rltools.errors import MismatchError
from rltools.policies.vjp._plan import HOOKS

ROWS = 3
_HOOKS_OF = itemgetter(*HOOKS)
_METHODS = ("captum.", "rltools.attributions.")


class MixedRowsError(MismatchError):
    """A state's scores depend on the states that are beside it."""


def arrangement(modules: Sequence[nn.Module]) -> list[Any]:
    """What a network's rows may influence each other by: its modules, what hangs on them, and which buffers they have.

    Compared to notice a change; values of parameters are no part of it.
    """
    states = [*map(vars, modules)]
    try:
        hooks = sum(map(len, chain.from_iterable(map(_HOOKS_OF, states))))
        absent = [value is None for state in states if state["_buffers"] for value in state["_buffers"].values()]
    except KeyError:  # TorchScript, which does not change
        hooks, absent = 0, []
    return [*modules, *map(type, modules), *map(len, states), hooks, *absent]


def check_rows(
    what: str, function: Callable[..., Tensor], given: tuple[Any, ...], modules: Sequence[nn.Module]
) -> bool:
    """Refuse a function whose rows influence each other.

    A row is scored in the same place of batches of the same size, beside different others: so a matrix product rounds
    it alike, and any difference comes from those beside it.

    Args:
        what: is called so in the message.
        function: from `given` to `[row, k]`.
        given: its arguments; every tensor in them has a row for each row, at least two.
        modules: that it computes with, in eval mode.

    Returns:
        Whether there was something to see: of rows that are all the same there is not.

    Raises:
        MixedRowsError: they do; the message names the layer where one is found.
    """
    few = _rows(given, _spread(given))
    if all(torch.equal(tensor, tensor[:1].expand_as(tensor)) for tensor in _tensors(few)):
        return False
    if any(_is_of_a_method(hook) for module in modules for hook in _hooks(module)):
        return False
    with torch.no_grad():
        together = function(*_copied(few))
        if not isinstance(together, Tensor) or len(together) != len(next(_tensors(few))):
            return False  # which is refused for what it is
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
        f"{what} scores a state differently beside other states{culprit}, so a score or an attribution would not be "
        f"that of a state; give BatchNorm running statistics (track_running_stats=True), or a head that computes each "
        f"row from that row alone"
    )


def _hooks(module: nn.Module) -> Iterator[Any]:
    state = vars(module)
    return (hook for name in HOOKS for hook in state.get(name, {}).values())


def _is_of_a_method(hook: Any) -> bool:
    """Whether an attribution method put it there for the length of its own calls, with rows in an order of its own."""
    return str(getattr(hook, "__module__", "")).startswith(_METHODS)


def _spread(given: tuple[Any, ...]) -> list[int]:
    """A few rows, far from each other."""
    count = next(len(tensor) for tensor in _tensors(given))
    return sorted({round(place * (count - 1) / (ROWS - 1)) for place in range(ROWS)})


def _tensors(given: Any) -> Iterator[Tensor]:
    found: list[Tensor] = []
    tree_map(lambda value: found.append(value) if isinstance(value, Tensor) else None, given)
    return iter(found)


def _rows(given: tuple[Any, ...], rows: list[int]) -> tuple[Any, ...]:
    chosen: tuple[Any, ...] = tree_map(lambda value: value[rows] if isinstance(value, Tensor) else value, given)
    return chosen


def _copied(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """A network may write into what it is given."""
    copied: tuple[Any, ...] = tree_map(lambda value: value.clone() if isinstance(value, Tensor) else value, given)
    return copied


def _differ(one: Tensor, other: Tensor) -> bool:
    """By more than the last digits, which are all that parallel sums may differ in."""
    if not one.is_floating_point():
        return not torch.equal(one, other)
    return not torch.allclose(one, other, rtol=8 * torch.finfo(one.dtype).eps, atol=1e-30, equal_nan=True)


def _culprit(
    function: Callable[..., Tensor],
    few: tuple[Any, ...],
    beside_itself: tuple[Any, ...],
    row: int,
    modules: Sequence[nn.Module],
) -> str:
    """The layer that does it, as a part of a sentence: what it gives for a row differs, and what it takes does not."""
    first = _layer_calls(function, few, modules)
    second = _layer_calls(function, beside_itself, modules)
    names = {id(inner): name for module in modules[:1] for name, inner in module.named_modules()}
    count = len(next(_tensors(few)))
    for (module, *one), (_, *other) in zip(first, second, strict=False):
        if any(len(part) != count for part in (*one, *other)):
            continue
        if not _differ(one[0][row], other[0][row]) and _differ(one[1][row], other[1][row]):
            name = names.get(id(module), "")
            return f" (in its layer {name!r}, {module})" if name else f" (in {type(module).__name__})"
    return ""


def _layer_calls(
    function: Callable[..., Tensor], given: tuple[Any, ...], modules: Sequence[nn.Module]
) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """What each layer takes and gives, in the order of the calls."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if inputs and all(isinstance(part, Tensor) and part.ndim for part in (inputs[0], output)):
            calls.append((module, inputs[0].clone(), output.clone()))

    layers = [module for module in modules if not any(True for _ in module.children())]
    handles = [layer.register_forward_hook(note) for layer in layers if not isinstance(layer, torch.jit.ScriptModule)]
    try:
        function(*_copied(given))
    finally:
        for handle in handles:
            handle.remove()
    return calls
