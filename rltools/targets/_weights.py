"""Targets that are sums of a head's outputs, as the weights of these sums.

Their gradients are the head's own, weighted; and where a network has few layers, the small operations that centre its
outputs and pick one of them would cost as much as it does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.policy import Context, Policy
from rltools.targets._reading import base_head, read_scalars, terms
from rltools.targets._target import Target

LINEAR = ("logit", "q_value", "advantage", "centred", "mean", "action", "value")


def linear_weights(policy: Policy, target: Target) -> Tensor | None:
    """`[chosen, target, k]`: for each action that may be chosen, the scalars' weights in one head's outputs.

    None where the scalars are no such sums, are of several heads, or depend on more than the chosen action. There is
    one set of weights where they do not depend on that either: of continuous actions, of the value, of all actions.
    """
    parts = terms(target)
    heads = {base_head(term, policy) for term in parts}
    fitting = all(term.score in LINEAR and "runner_up" not in term.action for term in parts)
    if not fitting or len(heads) > 1 or policy.masked or len(policy.branches) > 1:
        return None
    (head,) = heads
    chosen = len(policy.action_names) if policy.branches and head != "value" else 1
    outputs = 1 if head == "value" or (head == "q_value" and not policy.branches) else len(policy.action_names)
    unit = torch.eye(outputs, dtype=policy.dtype, device=policy.device).expand(chosen, outputs, outputs)
    read = read_scalars(policy, target, Context(action=torch.arange(chosen, device=policy.device)))
    weights = read({head: unit}).transpose(1, 2).contiguous()
    return weights[:1] if torch.equal(weights, weights[:1].expand_as(weights)) else weights
