"""The default method, which `explain`, `analyze` and the command line share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rltools.attributions import find_method
from rltools.policies.base import Policy, is_differentiable
from rltools.recording.attribution import VARIABLES

EXACT_FEATURES = 12
"""The most features for which Shapley values are computed exactly by default."""


def default_method(policy: Policy) -> str:
    """Exact Shapley values for up to 12 features; integrated gradients beyond.

    Where a card decodes choices, their factors count: only methods that replace can tell these apart. So do variables
    for a policy without gradients, which is explained by sampled Shapley values beyond.

    Example:
        >>> import rltools
        >>> from rltools.explanation.choice import default_method
        >>> default_method(rltools.load_policy("lunarlander-ppo"))
        'shapley'
    """
    features = policy.features
    by_replacing = any(features.factors) or not is_differentiable(policy)
    if features.size <= EXACT_FEATURES or (by_replacing and len(features.decoded.variables()) <= EXACT_FEATURES):
        return "shapley"
    return "integrated_gradients" if is_differentiable(policy) else "sampled_shapley"


def with_default_method(
    policy: Policy, method: str | None, parameters: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """A method with its parameters; without one the default method, by variables where it needs that."""
    if method is not None:
        return method, dict(parameters)
    method = default_method(policy)
    return method, ({"groups": VARIABLES} if by_variables(policy, method) else {}) | dict(parameters)


def takes_groups(method: str) -> bool:
    """Whether a method can take features together."""
    return "groups" in find_method(method).defaults


def by_variables(policy: Policy, method: str) -> bool:
    """Whether a method explains variables as a whole: it takes groups, and needs them for this observation.

    It needs them if a card decodes a choice into factors, and where there are no gradients for more elements.
    """
    features = policy.features
    many = not is_differentiable(policy) and features.size > EXACT_FEATURES
    return (any(features.factors) or many) and takes_groups(method)
