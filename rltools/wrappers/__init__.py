"""Gymnasium wrappers that explain each action as it is taken."""

from rltools.wrappers._single import AttributionWrapper
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = ["AttributionWrapper", "VectorAttributionWrapper"]
