"""Gymnasium wrappers: they explain each action as it is taken, write replays, hide entries, and freeze statistics."""

from rltools.wrappers._frozen import FrozenStatistics
from rltools.wrappers._replays import ReplaySkippedWarning, ReplayWrapper
from rltools.wrappers._select import SelectFeatures
from rltools.wrappers._single import AttributionWrapper
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = [
    "AttributionWrapper",
    "FrozenStatistics",
    "ReplaySkippedWarning",
    "ReplayWrapper",
    "SelectFeatures",
    "VectorAttributionWrapper",
]
