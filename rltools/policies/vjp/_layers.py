"""Layers as a forward pass and the way back: how a gradient passes through, without a graph.

A graph and the engine that walks it cost more than a small network: on a 64-64 MLP, one state at a time, a gradient
takes four forward passes with them and two without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import Conv2d, Flatten, Identity, Linear, Module, ReLU, Sequential, Tanh, functional
from torch.nn.grad import conv2d_input
from torch.nn.modules.utils import _pair

from rltools.policies.base import VjpFn


class Layer(Protocol):
    """One step of a chain."""

    def __call__(self, x: Tensor) -> Tensor:
        """`x [batch, ...]` -> `y [batch, ...]`."""
        ...

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """The same y, and the way back: from gradients `[..., *y's shape]` to those of x, `[..., *x's shape]`.

        It holds on to no more than it needs: what is let go of is memory that the next layer finds warm.
        """
        ...


@dataclass(frozen=True)
class LinearLayer:
    """`nn.Linear`. Parameters are looked up at each call: whoever computes in another dtype puts others there."""

    of: nn.Linear

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return functional.linear(x, self.of._parameters["weight"], self.of._parameters["bias"])  # type: ignore[arg-type]

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        weight: Any = self.of._parameters["weight"]
        return self(x), lambda g: g @ weight


@dataclass(frozen=True)
class ConvolutionLayer:
    """`nn.Conv2d` of `[batch, channel, y, x]`."""

    of: nn.Conv2d

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        y: Tensor = self.of._conv_forward(x, self.of.weight, self.of.bias)
        return y

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y, shape = self(x), x.shape
        deep = y.ndim

        def back(g: Tensor) -> Tensor:
            lead = g.shape[: g.ndim - deep]
            return convolution_back(self.of, shape, g.reshape(-1, *g.shape[-3:])).reshape(*lead, *shape)

        return y, back


class TanhLayer:
    """`nn.Tanh`."""

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return torch.tanh(x)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y = torch.tanh(x)
        return y, lambda g: torch.ops.aten.tanh_backward(g, y)


class ReLULayer:
    """`nn.ReLU`, never in place: the layer before may need what it gave for the way back."""

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return torch.relu(x)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y = torch.relu(x)
        return y, lambda g: torch.ops.aten.threshold_backward(g, y, 0)


class IdentityLayer:
    """`nn.Identity`."""

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        return x, lambda g: g


@dataclass(frozen=True)
class FlattenLayer:
    """`nn.Flatten`: the axes from its start to its end, both included, as one."""

    of: nn.Flatten

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        start = self.of.start_dim
        return x if x.ndim == 2 and start == 1 else x.flatten(start, self.of.end_dim)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y, shape = self(x), x.shape
        deep = y.ndim
        return y, lambda g: g.reshape(*g.shape[: g.ndim - deep], *shape)


@dataclass(frozen=True)
class Reordered:
    """The axes of an array in another order, `order[0]` being 0, the batch."""

    order: tuple[int, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x.permute(self.order)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        there = [self.order.index(axis) - len(self.order) for axis in range(len(self.order))]
        return self(x), lambda g: g.permute(*range(g.ndim - len(there)), *there)


@dataclass(frozen=True)
class Divided:
    """Everything divided by a number, for instance by 255, the largest of a pixel."""

    by: float

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x / self.by

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        return self(x), lambda g: g / self.by


@dataclass(frozen=True)
class Clipped:
    """Each entry of `[batch, entry]` within its bounds `[entry]`; outside of them no gradient passes."""

    low: Tensor
    high: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return torch.clamp(x, self.low.to(x), self.high.to(x))

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        inside = (x >= self.low.to(x)) & (x <= self.high.to(x))
        return self(x), lambda g: g * inside


@dataclass(frozen=True)
class Unscaled:
    """Each entry of `[batch, entry]` from [-1, 1] to its bounds `[entry]`."""

    low: Tensor
    high: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        if self.are_huge:
            middle, half = halves(self.low, self.high, x)
            return middle + x * half
        low, high = self.low.to(x), self.high.to(x)
        return low + (0.5 * (x + 1.0) * (high - low))

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        factor = halves(self.low, self.high, x)[1] if self.are_huge else 0.5 * (self.high.to(x) - self.low.to(x))
        return self(x), lambda g: g * factor

    @cached_property
    def are_huge(self) -> bool:
        """Whether the bounds lie further apart than the largest float32, as those that stand for none do."""
        return not bool((self.high.float() - self.low.float()).isfinite().all())


def halves(low: Tensor, high: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """The middle between bounds `[entry]`, and how far they are from it, where their difference is no number."""
    most = torch.finfo(like.dtype).max
    low, high = low.double().clamp(-most, most).to(like), high.double().clamp(-most, most).to(like)
    return 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low


def _convolution(module: nn.Conv2d) -> Layer | None:
    padded_with_zeros = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return ConvolutionLayer(module) if padded_with_zeros else None


_KNOWN: dict[type[nn.Module], Callable[[Any], Layer | None]] = {
    Linear: LinearLayer,
    Conv2d: _convolution,
    Tanh: lambda module: TanhLayer(),
    ReLU: lambda module: ReLULayer(),
    Identity: lambda module: IdentityLayer(),
    Flatten: FlattenLayer,
}


def _is_torchs_own(function: Any, module: str) -> bool:
    """Whether a function is the one that a module of torch holds, and none that was put in its place before this."""
    written_in = getattr(getattr(function, "__code__", None), "co_filename", "")
    return Path(written_in).stem == Path(sys.modules[module].__file__ or "").stem


_CALL, _CALL_IMPL, _SEQUENTIAL = Module.__call__, Module._call_impl, Sequential.forward
_LINEAR, _CONV2D, _CONV_FORWARD = Linear.forward, Conv2d.forward, Conv2d._conv_forward
_TANH, _RELU, _IDENTITY, _FLATTEN = Tanh.forward, ReLU.forward, Identity.forward, Flatten.forward
_GET, _CALLS_LINEAR, _CALLS_RELU, _CALLS_TANH = Module.__getattr__, functional.linear, functional.relu, torch.tanh

AS_TORCH_HAS_THEM = (
    all(_is_torchs_own(function, Module.__module__) for function in (_CALL, _CALL_IMPL))
    and all(_is_torchs_own(vars(known)["forward"], known.__module__) for known in (*_KNOWN, Sequential))
    and _is_torchs_own(_CONV_FORWARD, Conv2d.__module__)
    and _is_torchs_own(_CALLS_RELU, functional.__name__)
    and all(isinstance(function, BuiltinFunctionType) for function in (_CALLS_LINEAR, _CALLS_TANH))
)
"""Whether this module was imported before anybody patched one of these classes."""


def classes_are_as_imported() -> bool:
    """Whether calling a module of a known class still runs what it ran when this was imported.

    Written out, because it is asked at every step: a comparison takes 10 ns here, and three times that in a loop.
    """
    return (
        not torch._C._len_torch_function_stack()  # a mode may compute something else than the functions say
        and _CALLS_LINEAR is functional.linear
        and _CALLS_RELU is functional.relu
        and _CALLS_TANH is torch.tanh
        and _GET is Module.__getattr__ is Linear.__getattr__ is Conv2d.__getattr__
        and _CALL is Module.__call__ is Linear.__call__ is Tanh.__call__ is ReLU.__call__ is Conv2d.__call__
        and _CALL is Flatten.__call__ is Identity.__call__ is Sequential.__call__
        and _CALL_IMPL is Module._call_impl
        and _LINEAR is Linear.forward
        and _TANH is Tanh.forward
        and _RELU is ReLU.forward
        and _CONV2D is Conv2d.forward
        and _CONV_FORWARD is Conv2d._conv_forward
        and _FLATTEN is Flatten.forward
        and _IDENTITY is Identity.forward
        and _SEQUENTIAL is Sequential.forward
    )


KNOWN: dict[type[nn.Module], Callable[[Any], Layer | None]] = _KNOWN if AS_TORCH_HAS_THEM else {}
"""Layers by the class of the module; a derived class may compute something else. None for kinds without a way back."""


def convolution_back(of: nn.Conv2d, shape: Sequence[int], g: Tensor) -> Tensor:
    """Gradients `[n, channel, y, x]` of a convolution's output -> those of its input.

    Two thirds of an image network's whole gradient are spent here, in the first layer, whose wide stride the general
    way handles badly. Where the kernel is so many strides wide, the input is a grid of blocks, one stride each, that a
    kernel of so many blocks moves over by one: the same sums, as a convolution without stride.

    Args:
        of: the convolution.
        shape: of its input, with any batch.
        g: float `[n, channel, y, x]`, of the parameters' dtype; n may be several batches.
    """
    outputs, inputs, kernel, across = of.weight.shape  # the weights may be others than the layer was made with
    stride, also = _pair(of.stride)
    square = kernel == across and stride == also
    plain = _pair(of.padding) == (0, 0) and _pair(of.dilation) == (1, 1) and of.groups == 1
    if not square or not plain or stride == 1 or kernel % stride:
        size, moved = (len(g), *shape[1:]), (of.stride, of.padding, of.dilation, of.groups)
        general: Tensor = conv2d_input(size, of.weight, g, *moved)  # type: ignore[no-untyped-call]
        return general
    blocks = kernel // stride
    weight = of.weight.reshape(outputs, inputs, blocks, stride, blocks, stride)
    weight = weight.permute(0, 1, 3, 5, 2, 4).reshape(outputs, inputs * stride**2, blocks, blocks)
    found = functional.pixel_shuffle(functional.conv_transpose2d(g, weight), stride)
    right, below = shape[3] - found.shape[3], shape[2] - found.shape[2]  # what no kernel reached
    return functional.pad(found, (0, right, 0, below)) if right or below else found
