"""Gymnasium wrappers: they explain each action as it is taken, write replays, hide entries, and freeze statistics."""

from rltools.wrappers._attribution import AttributionWrapper
from rltools.wrappers._frozen import FrozenStatistics
from rltools.wrappers._replay import ReplaySkippedWarning, ReplayWrapper
from rltools.wrappers._select_features import SelectFeatures
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = [
    "AttributionWrapper",
    "FrozenStatistics",
    "ReplaySkippedWarning",
    "ReplayWrapper",
    "SelectFeatures",
    "VectorAttributionWrapper",
]
