"""Convolutions of images, and their vector-Jacobian product (vjp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input
from torch.nn.modules.utils import _pair

from rltools.policies.base import VjpFn


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


def convolution_layer(module: nn.Conv2d) -> ConvolutionLayer | None:
    """The layer of a convolution that pads with zeros by numbers; else None."""
    padded_with_zeros = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return ConvolutionLayer(module) if padded_with_zeros else None


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
