"""The forward pass and the vector-Jacobian product (vjp) of each known layer, without an autograd graph.

The graph and the engine that walks it cost more than a small network: on a 64-64 MLP, one observation at a time, a
gradient takes as long as four forward passes with them and two without.
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
    """A layer of a chain."""

    def __call__(self, x: Tensor) -> Tensor:
        """`x [batch, ...]` -> `y [batch, ...]`."""
        ...

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """The same y, and the function from gradients `[..., *y's shape]` to those of x, `[..., *x's shape]`.

        The function keeps no more than it needs: memory that is freed is still in the cache for the next layer.
        """
        ...


@dataclass(frozen=True)
class LinearLayer:
    """`nn.Linear`. Its parameters are looked up at each call, because they are replaced to compute in another dtype."""

    module: nn.Linear

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        parameters: Any = self.module._parameters
        return functional.linear(x, parameters["weight"], parameters["bias"])

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        parameters: Any = self.module._parameters
        weight: Tensor = parameters["weight"]
        return functional.linear(x, weight, parameters["bias"]), lambda g: g @ weight


@dataclass(frozen=True)
class ConvolutionLayer:
    """`nn.Conv2d` of `[batch, channel, y, x]`."""

    module: nn.Conv2d

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        y: Tensor = self.module._conv_forward(x, self.module.weight, self.module.bias)
        return y

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y, shape = self(x), x.shape
        ndim = y.ndim

        def vjp_fn(g: Tensor) -> Tensor:
            lead = g.shape[: g.ndim - ndim]
            return convolution_vjp(self.module, shape, g.reshape(-1, *g.shape[-3:])).reshape(*lead, *shape)

        return y, vjp_fn


_tanh_backward = torch.ops.aten.tanh_backward.default


class TanhLayer:
    """`nn.Tanh`."""

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return torch.tanh(x)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y = torch.tanh(x)
        return y, lambda g: _tanh_backward(g, y)


class ReLULayer:
    """`nn.ReLU`, never in place: the vjp of the layer before may need its output."""

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
    """`nn.Flatten`: merges the axes from its start to its end, both included."""

    module: nn.Flatten

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        start = self.module.start_dim
        return x if x.ndim == 2 and start == 1 else x.flatten(start, self.module.end_dim)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y, shape = self(x), x.shape
        ndim = y.ndim
        return y, lambda g: g.reshape(*g.shape[: g.ndim - ndim], *shape)


@dataclass(frozen=True)
class Reordered:
    """Permutes the axes; `order[0]` is 0, the batch."""

    order: tuple[int, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x.permute(self.order)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        inverse = [self.order.index(axis) - len(self.order) for axis in range(len(self.order))]
        return self(x), lambda g: g.permute(*range(g.ndim - len(inverse)), *inverse)


@dataclass(frozen=True)
class Divided:
    """Divides by a number, for instance pixels by 255."""

    by: float

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x / self.by

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        return self(x), lambda g: g / self.by


@dataclass(frozen=True)
class Clipped:
    """Clips each element of `[batch, element]` to its bounds `[element]`; outside of them the gradient is 0."""

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
    """Scales each element of `[batch, element]` from [-1, 1] to its bounds `[element]`."""

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
        """Whether the bounds are further apart than the largest float32, as placeholders for no bounds are."""
        return not bool((self.high.float() - self.low.float()).isfinite().all())


def halves(low: Tensor, high: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """The middle of bounds `[element]` and their distance from it, even if their difference overflows."""
    most = torch.finfo(like.dtype).max
    low, high = low.double().clamp(-most, most).to(like), high.double().clamp(-most, most).to(like)
    return 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low


def _convolution(module: nn.Conv2d) -> Layer | None:
    padded_with_zeros = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return ConvolutionLayer(module) if padded_with_zeros else None


_LAYERS: dict[type[nn.Module], Callable[[Any], Layer | None]] = {
    Linear: LinearLayer,
    Conv2d: _convolution,
    Tanh: lambda module: TanhLayer(),
    ReLU: lambda module: ReLULayer(),
    Identity: lambda module: IdentityLayer(),
    Flatten: FlattenLayer,
}


def _is_torchs_own(function: Any, module: str) -> bool:
    """Whether a function is the original one of a torch module, not one that replaced it before this import."""
    written_in = getattr(getattr(function, "__code__", None), "co_filename", "")
    return Path(written_in).stem == Path(sys.modules[module].__file__ or "").stem


_CALL, _CALL_IMPL, _SEQUENTIAL = Module.__call__, Module._call_impl, Sequential.forward
_LINEAR, _CONV2D, _CONV_FORWARD = Linear.forward, Conv2d.forward, Conv2d._conv_forward
_TANH, _RELU, _IDENTITY, _FLATTEN = Tanh.forward, ReLU.forward, Identity.forward, Flatten.forward
_count_function_modes = torch._C._len_torch_function_stack
_GET, _CALLS_LINEAR, _CALLS_RELU, _CALLS_TANH = Module.__getattr__, functional.linear, functional.relu, torch.tanh

AS_TORCH_HAS_THEM = (
    all(_is_torchs_own(function, Module.__module__) for function in (_CALL, _CALL_IMPL))
    and all(_is_torchs_own(vars(layer)["forward"], layer.__module__) for layer in (*_LAYERS, Sequential))
    and _is_torchs_own(_CONV_FORWARD, Conv2d.__module__)
    and _is_torchs_own(_CALLS_RELU, functional.__name__)
    and all(isinstance(function, BuiltinFunctionType) for function in (_CALLS_LINEAR, _CALLS_TANH))
)
"""Whether torch's classes were unpatched when this module was imported."""


IMAGE_CLASSES = frozenset({Conv2d, ReLU, Identity})
"""Classes that most small networks have no module of; `image_classes_are_as_imported` is about these."""


def classes_are_as_imported() -> bool:
    """Whether calling a module of the other known classes still runs what it ran when this module was imported.

    Written out because it runs at every step: a comparison takes 20 ns here, and twice that in a loop.
    """
    return (
        not _count_function_modes()  # a mode may compute something else than the functions say
        and _CALLS_LINEAR is functional.linear
        and _CALLS_TANH is torch.tanh
        and _GET is Linear.__getattr__  # inherited, as the others are
        and _CALL is Linear.__call__ is Tanh.__call__ is Flatten.__call__ is Sequential.__call__
        and _CALL_IMPL is Module._call_impl
        and _LINEAR is Linear.forward
        and _TANH is Tanh.forward
        and _FLATTEN is Flatten.forward
        and _SEQUENTIAL is Sequential.forward
    )


def image_classes_are_as_imported() -> bool:
    """The same for the classes of `IMAGE_CLASSES`."""
    return (
        _CALLS_RELU is functional.relu
        and _GET is Conv2d.__getattr__
        and _CALL is ReLU.__call__ is Conv2d.__call__ is Identity.__call__
        and _RELU is ReLU.forward
        and _CONV2D is Conv2d.forward
        and _CONV_FORWARD is Conv2d._conv_forward
        and _IDENTITY is Identity.forward
    )


LAYERS: dict[type[nn.Module], Callable[[Any], Layer | None]] = _LAYERS if AS_TORCH_HAS_THEM else {}
"""Makes the layer of a module, by its very class: a derived class may compute something else. None without a vjp."""


def convolution_vjp(module: nn.Conv2d, shape: Sequence[int], g: Tensor) -> Tensor:
    """Gradients `[n, channel, y, x]` of a convolution's output -> those of its input.

    An image network's gradient spends two thirds of its time here, in the first layer, because the general algorithm
    handles wide strides badly. If the kernel is a whole number of strides wide, the input is a grid of blocks of one
    stride each, and a kernel of that many blocks moves over it by one block: the same sums, as a convolution of stride
    1.

    Args:
        module: the convolution.
        shape: of its input, with any batch size.
        g: float `[n, channel, y, x]`, of the parameters' dtype; n may be several batches.
    """
    outputs, inputs, kernel, across = module.weight.shape  # the weights may have been replaced
    stride, stride_across = _pair(module.stride)
    square = kernel == across and stride == stride_across
    plain = _pair(module.padding) == (0, 0) and _pair(module.dilation) == (1, 1) and module.groups == 1
    if not square or not plain or stride == 1 or kernel % stride:
        size, settings = (len(g), *shape[1:]), (module.stride, module.padding, module.dilation, module.groups)
        general: Tensor = conv2d_input(size, module.weight, g, *settings)  # type: ignore[no-untyped-call]
        return general
    blocks = kernel // stride
    weight = module.weight.reshape(outputs, inputs, blocks, stride, blocks, stride)
    weight = weight.permute(0, 1, 3, 5, 2, 4).reshape(outputs, inputs * stride**2, blocks, blocks)
    gradient = functional.pixel_shuffle(functional.conv_transpose2d(g, weight), stride)
    right, below = shape[3] - gradient.shape[3], shape[2] - gradient.shape[2]  # what no kernel reached
    return functional.pad(gradient, (0, right, 0, below)) if right or below else gradient
