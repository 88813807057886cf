"""Targets that are sums of a head's outputs, as the weights of these sums.

At a live step a network of a few layers costs less than the handful of small operations that centre its outputs and
pick one of them, and their backward passes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.policy import Context, Policy
from rltools.targets import Target, base_head, read_scalars

_LINEAR = ("logit", "q_value", "centred", "mean", "action")


def linear_weights(policy: Policy, target: Target) -> Tensor | None:
    """`[chosen, target, k]`: for each action that may be chosen, the scalars' weights in the first head's outputs.

    None where the scalars are no such sums, or depend on more than the chosen action. Of continuous actions, and of
    targets that name none, there is one set of weights.
    """
    terms = [term for term in (target, target.minus) if term is not None]
    fitting = all(
        term.score in _LINEAR and base_head(term, policy) == policy.heads[0] and "runner_up" not in term.action
        for term in terms
    )
    if not fitting or policy.masked or len(policy.branches) > 1:
        return None
    count = len(policy.action_names)
    unit = torch.eye(count, dtype=policy.dtype, device=policy.device)
    chosen = range(count) if policy.branches else range(1)
    return torch.stack(
        [
            read_scalars(policy, target, Context(action=torch.full((count,), action, device=policy.device)))(
                {policy.heads[0]: unit}
            ).T
            for action in chosen
        ]
    )
