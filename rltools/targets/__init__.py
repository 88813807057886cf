"""Which scalar is explained: a score of an action, or the difference of two."""

from rltools.targets._reading import base_head, read_scalars
from rltools.targets._score import MOST_COPIES, Score, make_score
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
    "MOST_COPIES",
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
