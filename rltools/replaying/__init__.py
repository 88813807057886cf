"""Episodes stepped again for their pictures, and their replay pages and videos."""

from rltools.replaying._episodes import NoPicturesWarning, film_episode, replay_episode, replay_episodes

__all__ = ["NoPicturesWarning", "film_episode", "replay_episode", "replay_episodes"]
