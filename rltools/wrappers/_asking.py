"""What is asked of each live step, prepared once and tried on one state."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from rltools.attributions import find_method
from rltools.errors import ArgumentError
from rltools.explanation._groups import with_groups
from rltools.explanation._references import given_reference
from rltools.observations import blank_observations
from rltools.policy import Context, Policy
from rltools.targets import Target, Weights, base_head, fitting_target, linear_weights, terms
from rltools.wrappers._live import Live


def ask(
    policy: Policy,
    method: str,
    target: str | Target | None,
    reference: np.ndarray | Tensor | None,
    parameters: dict[str, Any],
) -> Live:
    """Prepare the question, and try it on one state: what cannot be explained is refused before the first step.

    Raises:
        UnknownNameError: no such method.
        TargetError: the policy has no such target.
        ArgumentError: not a policy, a missing reference, or a parameter the method does not take.
        GradientError: the policy is not differentiable.
    """
    if not isinstance(policy, Policy):
        raise ArgumentError(
            f"policy is a {type(policy).__name__}; make it a policy with rltools.load_policy(...), or "
            f"rltools.TorchPolicy(...) around a network of your own"
        )
    found = find_method(method)
    compared = None if reference is None else given_reference(policy, reference)
    parsed = fitting_target(method, found.needs, target, policy)
    settings = with_groups(found, found.settings(parameters), policy.features)
    live = Live(policy, found, parsed, compared, settings, _of_deciding_head(policy, parsed))
    live.explain(blank_observations(policy.observation_space, 1), Context(), live.any_actions(1))
    return live


def _of_deciding_head(policy: Policy, target: Target) -> Weights | None:
    """The target's weights in the outputs of the head that decides; None where it is no sum of those."""
    weights = linear_weights(policy, target)
    of_first = all(base_head(term, policy) == policy.heads[0] for term in terms(target))
    return weights if of_first else None
