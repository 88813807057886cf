"""What the entries of an observation are called."""

from rltools.spaces._features import Features, space_features
from rltools.spaces.parts import Part

__all__ = ["Features", "Part", "space_features"]
