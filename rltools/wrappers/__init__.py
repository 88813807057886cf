"""Gymnasium wrappers: explain each action as it is taken, write replays, hide or plant features, freeze statistics.

`_attribution.py` is the wrapper of one environment and the file to read first; `_live.py` computes what it adds to the
info. May import every room above, down to pages; experiments and the command line build on it.
"""

from rltools.wrappers._attribution import AttributionWrapper
from rltools.wrappers._frozen import FrozenStatistics
from rltools.wrappers._one_agent import OneAgent
from rltools.wrappers._plant_features import PlantFeatures
from rltools.wrappers._replay import ReplaySkippedWarning, ReplayWrapper
from rltools.wrappers._select_features import SelectFeatures
from rltools.wrappers._vector import VectorAttributionWrapper

__all__ = [
    "AttributionWrapper",
    "FrozenStatistics",
    "OneAgent",
    "PlantFeatures",
    "ReplaySkippedWarning",
    "ReplayWrapper",
    "SelectFeatures",
    "VectorAttributionWrapper",
]
