"""What the entries of an observation are called."""

from rltools.features._features import Features
from rltools.features._part import Part
from rltools.features._space import space_features

__all__ = ["Features", "Part", "space_features"]
