"""Checks that hooks on a network's modules see everything they need: they see calls of modules, not of functions.

A method that gives a ReLU another derivative by a hook is silently wrong if the network computes its ReLU by a
function, or if it calls a module twice, because the second call overwrites what the hook stored in the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge

from rltools.errors import ArgumentError
from rltools.targets.function import TargetFunction

Kinds = Collection[type[nn.Module]]


def network_of(name: str, f: TargetFunction) -> nn.Module:
    """The module that the method of this name hooks.

    Raises:
        ArgumentError: the policy is a function.
    """
    if f.network is None:
        raise ArgumentError(
            f"{name} looks into a network's modules, and this policy is a plain function; give the policy its "
            f"nn.Module, or take integrated_gradients, which needs none"
        )
    return f.network


def check_hooks(name: str, f: TargetFunction, x: Tensor, kinds: Kinds, bends: Bends) -> None:
    """Follow the graph of the first row's target values, and check that modules of `kinds` do all that needs a rule.

    Args:
        name: of the method, for messages.
        f: the target function, whose network is hooked.
        x: `[batch, *feature]`.
        kinds: the types of module that the method has a rule for.
        bends: (an operation, the operations that depend on x) -> whether it needs a rule.

    Raises:
        ArgumentError: one of these modules is called twice, or writes into what others read; or an operation that
            needs a rule is in none of them.
    """
    network = network_of(name, f)
    leaf = x[:1].detach().clone().requires_grad_()
    with torch.enable_grad(), _recorded_calls(network, kinds) as calls:
        values = f.rows(torch.zeros(1, dtype=torch.int64, device=x.device))(leaf)
    if not values.requires_grad:
        raise ArgumentError(f"{name} needs a score that can be differentiated, and this one cannot")
    modules = [module for module, _, _ in calls]
    if twice := sorted({module for module in modules if modules.count(module) > 1}):
        raise ArgumentError(
            f"{name} would be wrong here: the module {twice[0]!r} is called {modules.count(twice[0])} times for one "
            f"score, and a hook remembers only the last; give the network a module of its own for each call, or take "
            f"integrated_gradients or shapley, which need no hooks"
        )
    readers = readers_of(get_gradient_edge(values).node)
    dependent = after(readers, get_gradient_edge(leaf).node)
    ruled = {node for _, start, end in calls for node in between(start, end)}
    hidden = sorted({operation(node) for node in dependent - ruled if bends(node, dependent)})
    if hidden:
        raise ArgumentError(
            f"{name} would be wrong here: the score computes {', '.join(hidden)} outside the modules that it has a "
            f"rule for ({', '.join(sorted(kind.__name__ for kind in kinds))}): by functions such as torch.relu, or by "
            f"other modules. Give the network such modules, explain a score without it (a logit or a mean instead of a "
            f"probability or a bounded action), or take integrated_gradients or shapley, which need no hooks"
        )
    if any(getattr(module, "inplace", False) for module in network.modules() if type(module) in kinds):
        _check_copies(name, network, f, x, kinds)


def _check_copies(name: str, network: nn.Module, f: TargetFunction, x: Tensor, kinds: Kinds) -> None:
    """Refuse a network that depends on its modules writing into their inputs: with copies of inputs they do not."""
    with torch.no_grad():
        plain = f(x)
        with own_inputs(network, kinds):
            copied = f(x)
    if not torch.allclose(plain, copied, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ArgumentError(
            f"{name} would be wrong here: a module with inplace=True writes into a tensor that is read elsewhere too; "
            f"make it inplace=False, or take integrated_gradients or shapley, which need no hooks"
        )


@contextmanager
def own_inputs(network: nn.Module, kinds: Kinds) -> Iterator[None]:
    """Give each module of these kinds a copy of its input, and remove anything that hooks left in the module.

    Captum hooks the input's tensor: if a skip connection reads it too, the hook would replace the gradient of all
    readers together.
    """
    hooked = [module for module in network.modules() if type(module) in kinds]
    before = {module: set(vars(module)) for module in hooked}
    handles = [
        module.register_forward_pre_hook(lambda _, inputs: tuple(part.clone() for part in inputs)) for module in hooked
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in hooked:
            for name in set(vars(module)) - before[module]:
                delattr(module, name)


Call = tuple[str, Node | None, Node | None]


@contextmanager
def _recorded_calls(network: nn.Module, kinds: Kinds) -> Iterator[list[Call]]:
    """Record the calls of modules of these kinds: the name, and the points where the graph enters and leaves it."""
    calls: list[Call] = []
    entered: dict[str, Node | None] = {}

    def enter(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            entered[name] = _edge(inputs[0]) if inputs else None

        return note

    def leave(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            calls.append((name, entered.pop(name), _edge(output)))

        return note

    hooked = [(name, module) for name, module in network.named_modules() if type(module) in kinds]
    handles = [module.register_forward_pre_hook(enter(name)) for name, module in hooked]
    handles += [module.register_forward_hook(leave(name)) for name, module in hooked]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _edge(tensor: Tensor) -> Node | None:
    return get_gradient_edge(tensor).node if tensor.requires_grad else None


Bends = Callable[[Node, Collection[Node]], bool]
"""(an operation, the operations that depend on x) -> whether it needs a rule of its own."""

_LINEAR = frozenset(
    {
        *("Add", "Sub", "Rsub", "Neg", "Sum", "Mean", "Clone", "Alias", "ToCopy"),
        *("View", "UnsafeView", "ReshapeAlias", "AsStrided", "T", "Transpose", "Permute", "Flip", "Expand", "Repeat"),
        *("Cat", "Stack", "Unsqueeze", "Squeeze", "Unbind", "Split", "SplitWithSizes", "UnsafeSplit"),
        *("Select", "Slice", "Index", "IndexSelect", "Gather", "ConstantPadNd"),
        *("NativeBatchNorm", "CudnnBatchNorm", "AvgPool2D", "AdaptiveAvgPool2D"),
        *("UpsampleBilinear2D", "UpsampleNearest2D"),
    }
)
_PRODUCTS = frozenset({"Mul", "Mm", "Mv", "Dot", "Bmm", "Addmm", "Addmv", "Baddbmm", "Linear", "Convolution", "Div"})
_LAYERS = _PRODUCTS - {"Mul", "Div"}
_RECTIFIERS = frozenset({"Relu", "Threshold", "ClampMin", "Maximum", "Where"})


def is_not_linear(node: Node, dependent: Collection[Node]) -> bool:
    """Whether an operation is not a linear function of x.

    A bound on both sides counts as linear before the first layer: observations are clipped, mostly without effect, and
    the residual shows any effect.
    """
    name = operation(node)
    if name in _PRODUCTS:
        factors = [position for position, (before, _) in enumerate(node.next_functions) if before in dependent]
        return len(factors) > 1 or (name == "Div" and factors == [1])
    if name == "Clamp":
        return is_rectifier(node, dependent) or any(operation(before) in _LAYERS for before in between(None, node))
    return name not in _LINEAR and name != "AccumulateGrad"


def is_rectifier(node: Node, dependent: Collection[Node]) -> bool:
    """Whether an operation is a ReLU, or a bound on one side, which is one."""
    name = operation(node)
    bounds = (getattr(node, "_saved_min", None), getattr(node, "_saved_max", None))
    return name in _RECTIFIERS or (name == "Clamp" and None in bounds)


def operation(node: Node) -> str:
    """`ReluBackward0` -> `Relu`."""
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])


def readers_of(end: Node) -> dict[Node, list[Node]]:
    """The operations that read the result of each operation that `end` is computed from."""
    readers: dict[Node, list[Node]] = {end: []}
    pending = [end]
    while pending:
        node = pending.pop()
        for before, _ in node.next_functions:
            if before is None:
                continue
            if before not in readers:
                readers[before] = []
                pending.append(before)
            readers[before].append(node)
    return readers


def after(readers: Mapping[Node, list[Node]], start: Node) -> set[Node]:
    """An operation, and all operations that depend on it."""
    dependent, pending = {start}, [start]
    while pending:
        new = [node for node in readers.get(pending.pop(), ()) if node not in dependent]
        dependent.update(new)
        pending += new
    return dependent


def between(start: Node | None, end: Node | None) -> set[Node]:
    """The operations from `end` back to `start`, without `start`."""
    nodes: set[Node] = set()
    pending = [end]
    while pending:
        node = pending.pop()
        if node is not None and node is not start and node not in nodes:
            nodes.add(node)
            pending += [before for before, _ in node.next_functions]
    return nodes
