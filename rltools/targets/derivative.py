"""Partial derivatives of any differentiable PyTorch function with respect to its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, GradientError
from rltools.targets.function import differentiated

Reduction = Literal["sum", "mean"] | Callable[[Tensor], Tensor]


@overload
def input_gradient(function: Callable[..., Tensor], inputs: Tensor, *, reduce: Reduction = "sum") -> Tensor: ...
@overload
def input_gradient(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], *, reduce: Reduction = "sum"
) -> tuple[Tensor, ...]: ...
def input_gradient(
    function: Callable[..., Tensor], inputs: Tensor | Sequence[Tensor], *, reduce: Reduction = "sum"
) -> Tensor | tuple[Tensor, ...]:
    """The partial derivatives of a function's reduced output with respect to its input, or inputs.

    The function is evaluated once, as it is: a module in training mode stays in training mode. The caller's tensors,
    the `.grad` of every parameter and a module's buffers (BatchNorm's running statistics) are afterwards as before.

    Args:
        function: a module or a function of one or several tensors that returns one tensor of any shape.
        inputs: float tensor of any shape, or a sequence of them, one for each argument of the function.
        reduce: how the output becomes the scalar that is differentiated: "sum", "mean", or a callable that returns a
            scalar, for instance `lambda output: output[:, 3].sum()`.

    Returns:
        A tensor of the input's shape, dtype and device; for a sequence, a tuple of them.

    Raises:
        ArgumentError: an input is not a float tensor, or the reduction does not give a scalar.
        GradientError: the output does not depend on an input in a differentiable way.

    Example:
        >>> import torch
        >>> from rltools import input_gradient
        >>> input_gradient(lambda x: x**2, torch.tensor([1.0, 2.0, 3.0]))
        tensor([2., 4., 6.])
    """
    single = isinstance(inputs, Tensor)
    if not single and not isinstance(inputs, Sequence):
        raise ArgumentError(f"the input is a {type(inputs).__name__}; give a float torch.Tensor, or a sequence of them")
    tensors: tuple[Tensor, ...] = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for position, tensor in enumerate(tensors):
        _check_input(tensor, "the input" if single else f"input {position}")
    # Inference mode, unlike no_grad, also forbids what enable_grad allows again; leaves made inside are ordinary.
    with torch.inference_mode(False), torch.enable_grad(), _same_buffers(function):
        leaves = tuple(tensor.detach().clone().requires_grad_() for tensor in tensors)
        # Autograd forbids writing into a leaf, which nn.ReLU(inplace=True) as the first layer does; a copy is free.
        scalar = _reduced(function(*(leaf.clone() for leaf in leaves)), reduce)
        if scalar.is_complex():
            raise ArgumentError(
                f"the reduced output has dtype {scalar.dtype}, and only a real number has a gradient here; make "
                f"it one, for instance with reduce=lambda output: output.abs().sum()"
            )
        if not scalar.requires_grad:
            raise GradientError(
                "the output does not depend on the input in a differentiable way (it was detached, computed under "
                "no_grad, or made of integers); compute it from the input with differentiable operations"
            )
        of_leaves = differentiated(scalar, leaves)
    gradients = []
    for position, gradient in enumerate(of_leaves):
        if gradient is None:
            name = "the input" if single else f"input {position}"
            raise GradientError(f"the output does not depend on {name} (shape {tuple(tensors[position].shape)})")
        gradients.append(gradient)
    return gradients[0] if single else tuple(gradients)


def _check_input(tensor: Any, name: str) -> None:
    if not isinstance(tensor, Tensor):
        raise ArgumentError(f"{name} is a {type(tensor).__name__}; give a float torch.Tensor")
    if not tensor.is_floating_point():
        raise ArgumentError(
            f"{name} has dtype {tensor.dtype}, and only floating-point tensors have gradients; "
            f"convert it with .float(), or differentiate with respect to its one-hot encoding"
        )


@contextmanager
def _same_buffers(function: Callable[..., Tensor]) -> Iterator[None]:
    """Restore a module's buffers afterwards: a forward pass in training mode changes some.

    They are restored once the gradient is taken, because the backward pass may still read them.
    """
    modules = list(function.modules()) if isinstance(function, nn.Module) else []
    buffers = [(module, *named) for module in modules for named in module.named_buffers(recurse=False)]
    before = [(module, name, buffer, buffer.clone()) for module, name, buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, value in before:
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)
                if not torch.equal(buffer, value):
                    buffer.copy_(value)


def _reduced(output: Any, reduce: Reduction) -> Tensor:
    if not isinstance(output, Tensor):
        raise ArgumentError(f"the function returned a {type(output).__name__}; it must return one torch.Tensor")
    if callable(reduce):
        scalar = reduce(output)
        if not isinstance(scalar, Tensor) or scalar.numel() != 1:
            returned = f"shape {tuple(scalar.shape)}" if isinstance(scalar, Tensor) else f"a {type(scalar).__name__}"
            raise ArgumentError(f"reduce returned {returned}; it must return a tensor with one element")
        return scalar.reshape(())
    if reduce == "sum":
        return output.sum()
    if reduce == "mean":
        return (output if output.is_floating_point() or output.is_complex() else output.float()).mean()
    raise ArgumentError(f'reduce is {reduce!r}; it must be "sum", "mean" or a callable')
