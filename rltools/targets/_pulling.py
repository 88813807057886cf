"""Gradients of a target without a graph through the network, where the policy knows the way back through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor

from rltools.differentiation import derivative
from rltools.policy import Back

Read = Callable[[dict[str, Tensor]], Tensor]

MOST_ENTRIES = 1 << 22
"""Of gradients that are pulled through at once; of more, some targets at a time."""


def pulled_back(
    pulled: dict[str, tuple[Tensor, Back]], read: Read | None, weights: Tensor | None, lead: Sequence[int], entries: int
) -> Tensor:
    """The gradients `[target, prod(lead), *feature]` of the scalars.

    Args:
        pulled: of each head its outputs `[prod(lead), k]`, and the way back.
        read: from outputs `[*lead, k]` to scalars; unused where there are weights.
        weights: `[batch, target, k]`, where the scalars are sums of one head's outputs; None where they are not.
        lead: the axes before the features, the batch first.
        entries: of one row's features.
    """
    if weights is not None:
        ((_, back),) = pulled.values()
        upstream = weights.transpose(0, 1)
        if len(lead) > 1:
            copies = prod(lead[1:])
            upstream = upstream[:, :, None].expand(-1, -1, copies, -1).flatten(1, 2)
        return _through(back, upstream, entries)
    assert read is not None
    with torch.enable_grad():
        outputs = {name: output.requires_grad_() for name, (output, _) in pulled.items()}
        scalars = read({name: output.reshape(*lead, output.shape[1]) for name, output in outputs.items()})
        upstream_of = {name: derivative(scalars.flatten(0, -2), output) for name, output in outputs.items()}
    gradients = [_through(pulled[name][1], g, entries) for name, g in upstream_of.items()]
    return sum(gradients[1:], start=gradients[0])


def _through(back: Back, g: Tensor, entries: int) -> Tensor:
    """`g [target, row, k]` -> `[target, row, *feature]`."""
    if len(g) == 1:
        return back(g[0])[None]
    at_once = max(1, MOST_ENTRIES // max(1, g.shape[1] * max(entries, g.shape[2])))
    parts = [back(of_targets.contiguous()) for of_targets in torch.split(g, at_once)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
