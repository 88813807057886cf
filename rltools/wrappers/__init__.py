"""Gymnasium wrappers: they explain each action as it is taken, write replays, and hide entries from the agent."""

from rltools.wrappers._replays import ReplaySkippedWarning, ReplayWrapper
from rltools.wrappers._select import SelectFeatures
from rltools.wrappers._single import AttributionWrapper
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = ["AttributionWrapper", "ReplaySkippedWarning", "ReplayWrapper", "SelectFeatures", "VectorAttributionWrapper"]
