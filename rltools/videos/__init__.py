"""Videos of episodes, which show what the replay page shows, for slides and messages.

Read `_video.py` first. May import every room above, plots and pages included.
"""

from rltools.videos._video import check_video, video

__all__ = ["check_video", "video"]
