"""Replays: one self-contained HTML page per episode."""

from rltools.replays._page import replay

__all__ = ["replay"]
