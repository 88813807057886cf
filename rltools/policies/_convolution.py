"""The way back through a convolution, without its weights' gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input
from torch.nn.modules.utils import _pair


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
