"""Replays: one self-contained HTML page of an episode, of several, or of two agents side by side."""

from rltools.pages.replay.frames import replay_episode, replay_episodes
from rltools.pages.replay.page import replay
from rltools.rollout.render import NoPicturesWarning

__all__ = ["NoPicturesWarning", "replay", "replay_episode", "replay_episodes"]
