"""The pictures of a video, one after another: a still background, and on it what belongs to the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.videos._colors import color
from rltools.videos._layout import layout_of
from rltools.videos._moment import draw_bars, draw_now, draw_panel_now, draw_pictures, draw_step, head_room
from rltools.videos._pen import pen
from rltools.videos._pictures import pictures_of
from rltools.videos._scene import Scene
from rltools.videos._still import draw_captions, draw_head, draw_names, draw_panel, draw_tracks
from rltools.videos._tracks import tracks_of

if TYPE_CHECKING:
    from PIL.Image import Image


def frames(scene: Scene, steps: Sequence[int], size: tuple[int, int], pace: str) -> Iterator[Image]:
    """RGB pictures of some steps; one that is shown several times in a row is drawn once.

    Args:
        scene: what to show.
        steps: which, in their order.
        size: width and height in pixels, 16 to 9.
        pace: how fast it is played, in words.
    """
    from PIL import Image

    still = Image.new("RGB", size, color("paper"))
    pictures = pictures_of(scene)
    layout = layout_of(scene, pictures)
    placed = list(zip(pictures, layout.pictures, strict=True))
    tracks = tracks_of(scene, layout.tracks)
    ground = pen(still)
    draw_head(ground, scene, pace, head_room(scene, layout))
    draw_captions(ground, placed)
    draw_names(ground, scene, layout.bars)
    draw_tracks(ground, scene, layout.tracks, tracks)
    draw_panel(ground, scene, layout.tracks.y)
    limits = _largest(scene.observed)
    drawn, image = -1, still
    for step in steps:
        if step != drawn:
            drawn, image = step, still.copy()
            on = pen(image)
            draw_step(on, scene, layout, step)
            draw_pictures(on, placed, step)
            draw_bars(on, scene, layout.bars, limits, step)
            draw_now(on, scene, layout.tracks, tracks, step)
            draw_panel_now(on, scene, layout.tracks.y, step)
        yield image


def _largest(observed: np.ndarray) -> list[float]:
    """Of each row, so that its numbers keep their width."""
    sizes = np.where(np.isfinite(observed), np.abs(observed), 0.0)
    found: list[float] = sizes.max(axis=0, initial=0.0).tolist()
    return found
