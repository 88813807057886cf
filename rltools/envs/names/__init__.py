"""What an environment's observations and actions are called: by its card, and through the wrappers around it."""

from rltools.envs.names._card import action_names
from rltools.envs.names._through_wrappers import observed_features

__all__ = ["action_names", "observed_features"]
