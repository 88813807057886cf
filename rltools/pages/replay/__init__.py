"""Replays: a self-contained HTML page of one or several episodes, or of two agents side by side.

`page.py` writes the page, `data.py` the data that its script reads, and the ES modules in `page/` draw it, beginning
with `page/page.js`. `frames.py` adds frames if the environment can be rendered. Read `page.py` first. May import
recording, rollout and summary.
"""

from rltools.pages.replay.frames import replay_episode, replay_episodes
from rltools.pages.replay.page import replay
from rltools.rollout.render import NoFramesWarning

__all__ = ["NoFramesWarning", "replay", "replay_episode", "replay_episodes"]
