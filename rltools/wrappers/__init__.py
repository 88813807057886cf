"""Gymnasium wrappers: those that explain each action as it is taken, and one that hides entries from the agent."""

from rltools.wrappers._select import SelectFeatures
from rltools.wrappers._single import AttributionWrapper
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = ["AttributionWrapper", "SelectFeatures", "VectorAttributionWrapper"]
