"""Episodes stepped again for their pictures, and their replay pages."""

from rltools.replaying._episodes import NoPicturesWarning, replay_episode, replay_episodes

__all__ = ["NoPicturesWarning", "replay_episode", "replay_episodes"]
