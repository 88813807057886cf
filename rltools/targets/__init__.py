"""Which scalar is explained: a score of an action, the difference of two, or several of these together."""

from rltools.targets._decision import unbounded_action
from rltools.targets._function import MOST_COPIES, PolicyTargetFunction, make_target_function, remembered
from rltools.targets._parse import fitting_target, parse_target
from rltools.targets._scores import base_head, read_scalars, terms
from rltools.targets._target import (
    SCORES,
    Target,
    available_scores,
    default_target,
    is_discrete,
    target_labels,
)
from rltools.targets._weights import Weights, gradients_by_vjp, linear_weights

__all__ = [
    "MOST_COPIES",
    "SCORES",
    "PolicyTargetFunction",
    "Target",
    "Weights",
    "available_scores",
    "base_head",
    "default_target",
    "fitting_target",
    "gradients_by_vjp",
    "is_discrete",
    "linear_weights",
    "make_target_function",
    "parse_target",
    "read_scalars",
    "remembered",
    "target_labels",
    "terms",
    "unbounded_action",
]
