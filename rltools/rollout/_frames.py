"""Pictures of an environment, small enough to keep."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import gymnasium
import numpy as np

from rltools.errors import SimulationError

WIDEST = 400
"""Pixels; wider frames are made smaller."""


def draw(env: gymnasium.Env[Any, Any]) -> bytes:
    """What the environment shows now, as WebP.

    Raises:
        SimulationError: it draws nothing.
    """
    from PIL import Image

    pixels = env.render()
    if not isinstance(pixels, np.ndarray):
        raise SimulationError(
            f"{env} drew {type(pixels).__name__} where a picture is needed; make it with render_mode='rgb_array', or "
            f"record without frames"
        )
    picture = Image.fromarray(pixels)
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.BILINEAR)
    file = BytesIO()
    picture.save(file, "WEBP", quality=70, method=1)
    return file.getvalue()


def frames_per_second(env: gymnasium.Env[Any, Any]) -> float:
    """At which the environment's frames are real time; 30 where it does not say."""
    said = (env.metadata or {}).get("render_fps")
    return float(said) if isinstance(said, int | float) and said > 0 else 30.0
