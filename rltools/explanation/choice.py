"""What an agent is explained by if nobody says: `explain`, `analyze` and the command line choose alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rltools.attributions import find_method
from rltools.policies.base import Policy
from rltools.recording.attribution import VARIABLES

EXACT_FEATURES = 12
"""The most features for which Shapley values are computed exactly by default."""


def default_method(policy: Policy) -> str:
    """Exact Shapley values for up to 12 features or factors of choices; integrated gradients beyond.

    Factors count where a card decodes a choice: only methods that replace can tell them apart.

    Example:
        >>> import rltools
        >>> from rltools.explanation.choice import default_method
        >>> default_method(rltools.load_policy("lunarlander-ppo"))
        'shapley'
    """
    features = policy.features
    few = len(features.decoded.variables()) <= EXACT_FEATURES and any(features.factors)
    return "shapley" if few or features.size <= EXACT_FEATURES else "integrated_gradients"


def with_default_method(
    policy: Policy, method: str | None, parameters: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """A method with its parameters; without one the default method, by the factors of choices where there are any."""
    if method is not None:
        return method, dict(parameters)
    method = default_method(policy)
    return method, ({"groups": VARIABLES} if by_factors(policy, method) else {}) | dict(parameters)


def takes_groups(method: str) -> bool:
    """Whether a method can take features together."""
    return "groups" in find_method(method).defaults


def by_factors(policy: Policy, method: str) -> bool:
    """Whether a method explains choices by their factors: it takes groups, and a card decodes a choice."""
    return any(policy.features.factors) and takes_groups(method)
