"""Which scalar is explained: a score of an action, or the difference of two."""

from rltools.targets._score import Score, base_head, make_score, read_scalars
from rltools.targets._target import (
    SCORES,
    Target,
    available_scores,
    default_target,
    is_discrete,
    parse_target,
    target_labels,
)

__all__ = [
    "SCORES",
    "Score",
    "Target",
    "available_scores",
    "base_head",
    "default_target",
    "is_discrete",
    "make_score",
    "parse_target",
    "read_scalars",
    "target_labels",
]
