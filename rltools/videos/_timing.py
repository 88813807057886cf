"""Which step each picture of a video shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from rltools.errors import ArgumentError

SLOWEST, FASTEST = 10.0, 60.0
"""Pictures a second of a video that nobody asked otherwise of: players stumble below, screens show no more."""
GIF_FASTEST, GIF_MOST = 12.5, 250
"""Pictures a second, and pictures altogether, of a GIF that nobody asked otherwise of."""
LAST = 1.0
"""So many seconds the last step is held, so that the end can be seen."""
SHORTEST, SLOWEST_PACE = 4.0, 2.0
"""An episode that nobody asked a speed of lasts so many seconds, or is shown at so few steps a second."""
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


def pace(steps: int, rate: float, speed: float | None) -> float:
    """How many steps are shown a second, of `rate` in real time.

    Where nobody asked, real time, but for an episode that would be over before anything is seen: one of a few steps,
    or of an environment without a clock, whose rate is any number.
    """
    return min(rate, max(SLOWEST_PACE, steps / SHORTEST)) if speed is None else rate * speed


def timing(steps: int, rate: float, fps: float | None, *, gif: bool) -> Timing:
    """When each of `steps` is shown at `rate` steps a second: by default each once, where that is not too fast.

    The last step is always shown; what writes a video holds it.

    Raises:
        ArgumentError: a number of pictures a second that cannot be.
    """
    limit = GIF_LIMIT if gif else 240.0
    if fps is not None and not (isinstance(fps, Real) and 0 < fps <= limit):
        raise ArgumentError(f"fps={fps!r} pictures a second; give a number above 0 and up to {limit:g}")
    fps = fps or (_gif_fps(steps, rate) if gif else _fps(rate))
    pictures = max(1, math.ceil(steps / rate * fps - 1e-9))
    sequence = [min(steps - 1, int(at / fps * rate + 1e-9)) for at in range(pictures)]
    if sequence[-1] < steps - 1:
        sequence.append(steps - 1)
    return Timing(fps, sequence)


def _fps(rate: float) -> float:
    if rate > FASTEST:
        return rate / math.ceil(rate / FASTEST)
    return rate * math.ceil(SLOWEST / rate)


def _gif_fps(steps: int, rate: float) -> float:
    every = 1 if steps <= GIF_MOST else math.ceil(steps / (GIF_MOST - 1))  # the last step may be one more
    return rate / max(every, math.ceil(rate / GIF_FASTEST))
