"""Attributions of recordings and of any observations, in large batches and without an environment."""

from rltools.explanation._attribute import attribute
from rltools.explanation._explain import FailedAttributionWarning, LongWorkWarning, explain
from rltools.explanation._plan import Plan, declared_stride, plan_explaining

__all__ = [
    "FailedAttributionWarning",
    "LongWorkWarning",
    "Plan",
    "attribute",
    "declared_stride",
    "explain",
    "plan_explaining",
]
