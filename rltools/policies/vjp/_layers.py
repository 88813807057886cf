"""The forward pass and the vector-Jacobian product (vjp) of each known layer, without an autograd graph.

The graph and the engine that walks it cost more than a small network: on a 64-64 MLP, one observation at a time, a
gradient takes as long as four forward passes with them and two without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

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


_layer_norm_backward = torch.ops.aten.native_layer_norm_backward.default


@dataclass(frozen=True)
class NormalizationLayer:
    """`nn.LayerNorm`, over the last axis or the last few."""

    module: nn.LayerNorm

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        module, parameters = self.module, self.module._parameters
        return functional.layer_norm(x, module.normalized_shape, parameters["weight"], parameters["bias"], module.eps)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        module, parameters = self.module, self.module._parameters
        shape, weight, bias = list(module.normalized_shape), parameters["weight"], parameters["bias"]
        y, mean, inverse_std = torch.native_layer_norm(x, shape, weight, bias, module.eps)  # layer_norm calls this
        ndim = x.ndim

        def vjp_fn(g: Tensor) -> Tensor:
            lead = g.shape[: g.ndim - ndim]  # torch's function broadcasts nothing, and takes no strides
            rows = [tensor.expand(*lead, *tensor.shape).contiguous() for tensor in (x, mean, inverse_std)]
            only_input = [True, False, False]
            gradients = _layer_norm_backward(g.contiguous(), rows[0], shape, *rows[1:], weight, bias, only_input)
            gradient: Tensor = gradients[0]
            return gradient

        return y, vjp_fn


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


_tanh_backward = torch.ops.aten.tanh_backward.default


class TanhLayer:
    """`nn.Tanh`, or a tanh without a module: also a part of policies that squash their actions."""

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return torch.tanh(x)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        y = torch.tanh(x)
        return y, lambda g: _tanh_backward(g, y)


@dataclass(frozen=True)
class PermuteLayer:
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
class DivideLayer:
    """Divides by a number, for instance pixels by 255."""

    by: float

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        return x / self.by

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        return self(x), lambda g: g / self.by


@dataclass(frozen=True)
class ClipLayer:
    """Clips each element of `[batch, element]` to its bounds `[element]`; outside of them the gradient is 0.

    Where the environment takes integers, fractions are cut off as well, and no gradient is left. Anything of another
    shape is left for whoever checks the outputs of a network.
    """

    low: Tensor
    high: Tensor
    is_whole: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        if not isinstance(x, Tensor) or x.shape[1:] != self.low.shape or x.is_complex() or x.is_meta:
            return x
        clipped = torch.clamp(x, self.low.to(x), self.high.to(x))
        return clipped.trunc() if self.is_whole else clipped

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        if self.is_whole:
            return self(x), torch.zeros_like
        inside = (x >= self.low.to(x)) & (x <= self.high.to(x))
        return self(x), lambda g: g * inside


@dataclass(frozen=True)
class RescaleLayer:
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
