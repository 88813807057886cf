"""What the entries of an observation are called: by its environment's card, and through the wrappers around it."""

from rltools.naming._observed import observed_features

__all__ = ["observed_features"]
