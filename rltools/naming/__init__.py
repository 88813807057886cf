"""What an environment's observations and actions are called: by its card, and through the wrappers around it."""

from rltools.naming._actions import action_names
from rltools.naming._observed import observed_features

__all__ = ["action_names", "observed_features"]
