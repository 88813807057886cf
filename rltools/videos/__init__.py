"""Videos: an episode as the replay page shows it, to put into slides and messages."""

from rltools.videos._film import film_episode
from rltools.videos._video import video

__all__ = ["film_episode", "video"]
