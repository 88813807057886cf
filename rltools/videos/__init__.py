"""Videos: an episode as the replay page shows it, to put into slides and messages."""

from rltools.videos._video import check_possible, check_speed, video

__all__ = ["check_possible", "check_speed", "video"]
