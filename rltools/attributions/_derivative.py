"""The derivative of each explained scalar, from one graph."""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.errors import GradientError


def derivative(outputs: Tensor, x: Tensor) -> Tensor:
    """`outputs [*lead, target]` computed from `x [*lead, *feature]` row by row -> `[target, *lead, *feature]`.

    The sum over rows has each row's own gradient, because no row's output depends on another row. A loop over targets
    is the fastest way for few of them; `is_grads_batched` is slower for convolutional nets.

    Raises:
        GradientError: the outputs do not depend on x.
    """
    if not outputs.requires_grad:
        raise GradientError(_INDEPENDENT)
    targets = outputs.shape[-1]
    gradients = []
    for target in range(targets):
        # A sum, not a mask as grad_outputs: that would import torch's symbolic shapes, and they sympy, for a second.
        total = outputs if targets == 1 else outputs[..., target]
        if total.numel() != 1:
            total = total.sum()
        (gradient,) = torch.autograd.grad(total, x, retain_graph=target < targets - 1, allow_unused=True)
        if gradient is None:
            raise GradientError(_INDEPENDENT)
        gradients.append(gradient)
    return gradients[0][None] if targets == 1 else torch.stack(gradients)


_INDEPENDENT = (
    "the score does not depend on the observation in a differentiable way: the policy detaches it or computes it "
    "under no_grad; give heads that are differentiable, for instance TorchPolicy(..., heads={'logit': function})"
)
