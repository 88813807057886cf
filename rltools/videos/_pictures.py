"""The pictures of a step: the environment, and observations that are pictures with their attributions over them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools.spaces import Part
from rltools.spaces.image import visible
from rltools.spaces.leaves import pick
from rltools.videos._colors import veil
from rltools.videos._scene import Scene

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]
MOST = 3
CRISP = 128
"""Pictures of fewer pixels a side are magnified in squares."""
BLURRED = 16
"""A map of no more cells than this is drawn in squares."""


@dataclass(frozen=True)
class Picture:
    """A picture for each step.

    Attributes:
        caption: what it is; "" where that is plain to see.
        size: width and height of what is there.
        at: the picture of a step, magnified or shrunk to a size.
    """

    caption: str
    size: Size
    at: Callable[[int, Size], Image]


def pictures_of(scene: Scene) -> list[Picture]:
    """The frames where there are any, then the observations that are pictures; three at most."""
    features = scene.episode.features
    observed = [part for part in features.parts if part.is_image]
    found = [_framed(scene.frames, captioned=bool(observed))] if scene.frames else []
    found += [_observation(scene, part, at) for at, part in enumerate(observed)]
    return found[:MOST]


def _framed(frames: list[bytes], *, captioned: bool) -> Picture:
    from PIL import Image

    def at(step: int, size: Size) -> Image.Image:
        with Image.open(io.BytesIO(frames[min(step, len(frames) - 1)])) as frame:
            return _sized(frame.convert("RGB"), size)

    with Image.open(io.BytesIO(frames[0])) as first:
        return Picture("the environment" if captioned else "", first.size, at)


def _observation(scene: Scene, part: Part, number: int) -> Picture:
    from PIL import Image

    episode, explained = scene.episode, scene.explained
    values = part.leaf.encode(np.asarray(pick(episode.observations, part.leaf)))
    seen, note = visible(values.reshape(len(values), *part.shape), part)
    over = None if explained is None else explained.maps[number]

    def at(step: int, size: Size) -> Image.Image:
        plain = Image.fromarray(seen[step])
        if explained is None or over is None:
            return _sized(plain.convert("RGB"), size)
        gray = _sized(plain.convert("L"), size).convert("RGB")
        clouds = Image.fromarray(veil(over[step], explained.map_scales[number]), "RGBA")
        squares = max(over.shape[1:]) <= BLURRED
        smooth = clouds.resize(size, Image.Resampling.NEAREST if squares else Image.Resampling.BILINEAR)
        gray.paste(smooth, (0, 0), smooth)
        return gray

    said = f"{part.leaf.name or 'observation'}{', in colors what of it matters' if explained else ''}"
    return Picture("; ".join(filter(None, [said, note])), (seen.shape[2], seen.shape[1]), at)


def _sized(picture: Image, size: Size) -> Image:
    from PIL import Image

    if picture.size == size:
        return picture
    few = max(picture.size) < CRISP and size[0] >= picture.width
    return picture.resize(size, Image.Resampling.NEAREST if few else Image.Resampling.BILINEAR)
