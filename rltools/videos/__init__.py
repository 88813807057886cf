"""Videos: an episode as the replay page shows it, for slides and messages; read `_video.py` first."""

from rltools.videos._film import film_episode
from rltools.videos._video import video

__all__ = ["film_episode", "video"]
