"""Videos of episodes, which show what the replay page shows, for slides and messages.

Read `_video.py` first. May import every room above, plots and pages included.
"""

from rltools.videos._film import film_episode
from rltools.videos._video import video

__all__ = ["film_episode", "video"]
