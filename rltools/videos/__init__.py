"""Videos: an episode as the replay page shows it, to put into slides and messages."""

from rltools.videos._video import check_possible, video

__all__ = ["check_possible", "video"]
