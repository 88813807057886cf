"""Which step each picture of a video shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rltools.errors import ArgumentError

SLOWEST, FASTEST = 10.0, 60.0
"""Pictures a second of a video that nobody asked otherwise of: players stumble below, screens show no more."""
GIF_FASTEST, GIF_MOST = 12.5, 250
"""Pictures a second, and pictures altogether, of a GIF that nobody asked otherwise of."""
GIF_LIMIT = 50.0
"""Viewers play a GIF of more than this a second slowly."""


@dataclass(frozen=True)
class Timing:
    """How an episode becomes pictures.

    Attributes:
        fps: pictures a second.
        steps: which step each picture shows.
    """

    fps: float
    steps: list[int]


def timing(steps: int, rate: float, fps: float | None, *, gif: bool) -> Timing:
    """When each of `steps` is shown at `rate` steps a second: by default each once, where that is not too fast.

    Raises:
        ArgumentError: a number of pictures a second that cannot be.
    """
    limit = GIF_LIMIT if gif else 240.0
    if fps is not None and not 0 < fps <= limit:
        raise ArgumentError(f"fps={fps!r} pictures a second; give a number above 0 and up to {limit:g}")
    fps = fps or (_gif_fps(steps, rate) if gif else _fps(rate))
    pictures = max(1, math.ceil(steps / rate * fps - 1e-9))
    return Timing(fps, [min(steps - 1, int(at / fps * rate + 1e-9)) for at in range(pictures)])


def _fps(rate: float) -> float:
    if rate > FASTEST:
        return rate / math.ceil(rate / FASTEST)
    return rate * math.ceil(SLOWEST / rate)


def _gif_fps(steps: int, rate: float) -> float:
    return rate / max(1, math.ceil(rate / GIF_FASTEST), math.ceil(steps / GIF_MOST))
