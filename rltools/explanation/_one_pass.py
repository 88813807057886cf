"""Attributions that the pass which decided has all it takes for: a gradient then costs a backward pass and no more."""

from __future__ import annotations

from math import isfinite

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method
from rltools.attributions.gradient import gradient
from rltools.attributions.input_x_gradient import input_x_gradient
from rltools.policy import Context, Policy
from rltools.targets import Target, Weights, base_head, linear_weights, pulled_back, remembered, terms


def from_one_pass(
    policy: Policy, method: Method, target: Target, x: Tensor, context: Context
) -> dict[str, np.ndarray] | None:
    """What the method says of rows `x [row, *feature]`, as `explained_rows` gives it, from their `context.pulled`.

    None where another method, head or row is asked about, or a target that is no sum of the outputs.
    """
    decided, head = context.pulled, policy.heads[0]
    is_known = method is gradient or method is input_x_gradient
    if decided is None or not is_known or not decided.is_of(head, x):
        return None
    weights = remembered("weights of the first head", target, policy, lambda: _weights(policy, target))
    action = None if context.action is None else context.action.numpy(force=True)
    if weights is None or (weights.chosen is not None and action is None):
        return None
    of_rows = weights.of_rows(action, len(x))
    scores = (decided.output.numpy(force=True)[:, None] * of_rows).sum(2)
    if of_rows.shape[1] == 1:
        values = decided.back(torch.from_numpy(of_rows[:, 0].copy()).to(x.device))[:, None]
    else:
        upstream = torch.from_numpy(of_rows.copy()).to(x.device)
        pulled = {head: (decided.output, decided.back)}
        values = pulled_back(pulled, None, upstream, x.shape[:1], x[:1].numel()).movedim(0, 1)
    found = values.numpy(force=True)
    if method is input_x_gradient:
        found = found * x.numpy(force=True)[:, None]
    return {"values": np.ascontiguousarray(found), "scores": scores}


def all_finite(values: np.ndarray) -> bool:
    """Whether all values are finite, in a fraction of the time of looking at each; False for sums that overflow."""
    return isfinite(values.sum())


def _weights(policy: Policy, target: Target) -> Weights | None:
    """Of the scalars in the outputs of the head that decides; None where they are no such sums."""
    if any(base_head(term, policy) != policy.heads[0] for term in terms(target)):
        return None
    return linear_weights(policy, target)
