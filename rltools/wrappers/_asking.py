"""What is asked of each live step, prepared once and tried on one state."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import find_method
from rltools.errors import RltoolsError
from rltools.explanation._groups import with_groups
from rltools.explanation._references import given_reference
from rltools.observations import blank_observations, map_leaves, pick
from rltools.policies._rows import MixedRowsError
from rltools.policy import Context, Policy, check_is_policy
from rltools.recording import recorded_leaves
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
        MismatchError: the policy's network mixes the states of a batch.
    """
    check_is_policy(policy)
    found = find_method(method)
    compared = None if reference is None else given_reference(policy, reference)
    parsed = fitting_target(method, found.needs, target, policy)
    settings = with_groups(found, found.settings(parameters), policy.features)
    _try_several(policy)
    live = Live(policy, found, parsed, compared, settings, _of_deciding_head(policy, parsed))
    live.explain(blank_observations(policy.observation_space, 1), Context(), live.any_actions(1))
    return live


def _try_several(policy: Policy) -> None:
    """Score a few states together, drawn from the space, so that a policy that mixes them says so before a step."""
    space = copy.deepcopy(policy.observation_space)
    space.seed(0)
    drawn = [space.sample() for _ in range(3)]
    try:
        observations = map_leaves(
            lambda leaf, _: np.stack([pick(state, leaf) for state in drawn]), drawn[0], recorded_leaves(policy.features)
        )
        with torch.no_grad():
            policy.head(policy.heads[0], policy.encode(observations), Context())
    except MixedRowsError:
        raise
    except RltoolsError:
        return  # drawn states may be none that there are


def _of_deciding_head(policy: Policy, target: Target) -> Weights | None:
    """The target's weights in the outputs of the head that decides; None where it is no sum of those."""
    weights = linear_weights(policy, target)
    of_first = all(base_head(term, policy) == policy.heads[0] for term in terms(target))
    return weights if of_first else None
