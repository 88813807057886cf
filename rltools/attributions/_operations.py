"""The operations that a score was computed by, as autograd keeps them: what depends on what, and what bends."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from torch.autograd.graph import Node

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
    """Whether an operation is no linear function of x.

    A bound on both sides counts as linear before the first layer: observations are clipped, mostly without effect, and
    where it has one the residual says so.
    """
    name = operation(node)
    if name in _PRODUCTS:
        factors = [place for place, (before, _) in enumerate(node.next_functions) if before in dependent]
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
    """Every operation that `end` is computed by, with those that read its result."""
    readers: dict[Node, list[Node]] = {end: []}
    left = [end]
    while left:
        node = left.pop()
        for before, _ in node.next_functions:
            if before is None:
                continue
            if before not in readers:
                readers[before] = []
                left.append(before)
            readers[before].append(node)
    return readers


def after(readers: Mapping[Node, list[Node]], start: Node) -> set[Node]:
    """An operation, and all that depend on it."""
    found, left = {start}, [start]
    while left:
        new = [node for node in readers.get(left.pop(), ()) if node not in found]
        found.update(new)
        left += new
    return found


def between(start: Node | None, end: Node | None) -> set[Node]:
    """The operations from `end` back to `start`, without the latter."""
    found: set[Node] = set()
    left = [end]
    while left:
        node = left.pop()
        if node is not None and node is not start and node not in found:
            found.add(node)
            left += [before for before, _ in node.next_functions]
    return found
