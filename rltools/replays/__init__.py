"""Replays: one self-contained HTML page of an episode, of several, or of two agents side by side."""

from rltools.replays._page import replay

__all__ = ["replay"]
