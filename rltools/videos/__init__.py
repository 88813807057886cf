"""Videos: an episode as the replay page shows it, for slides and messages.

`_video.py` has the public function and is the file to read first; `_episode.py` reads what is shown as numbers,
`_frame.py` draws the picture of each step with matplotlib, and `_encode.py` writes them. May import plots and pages.
"""

from rltools.videos._video import check_video, video

__all__ = ["check_video", "video"]
