"""Attributions of recordings and of any observations, in large batches and without an environment."""

from rltools.explanation._attribute import attribute
from rltools.explanation._explain import FailedAttributionWarning, explain

__all__ = ["FailedAttributionWarning", "attribute", "explain"]
