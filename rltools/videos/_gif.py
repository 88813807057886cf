"""Pictures as a GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools.videos._colors import own_colors
from rltools.videos._timing import LAST

if TYPE_CHECKING:
    from PIL.Image import Image

SAMPLED = 8
"""The colors of so many pictures, spread over the episode, stand for those of all."""
CLEAR = 255
"""The one of the 256 colors that leaves a pixel as it was."""
NEAR = 8
"""Colors that differ by less in each of red, green and blue are taken for the same."""


def write_gif(
    path: Path, images: Iterable[Image], sample: Sequence[Image], fps: float, count: int, done: Callable[[int], None]
) -> None:
    """Write RGB pictures that repeat for ever, in 256 colors that they share; the last one stays for a second.

    Args:
        path: of the file, whatever its name.
        images: one after another.
        sample: some of them, to find the colors.
        fps: of them a second.
        count: how many there are.
        done: called after each.
    """
    palette = _palette(sample)
    few = _few_colors(images, palette, done)
    # Times are kept in hundredths of a second: rounded so that they add up.
    ends = [round(100 * at / fps) for at in range(count + 1)]
    lengths = [10 * (end - start) for start, end in pairwise(ends)]
    lengths[-1] += round(1000 * LAST)
    next(few).save(
        path,
        "GIF",
        save_all=True,
        append_images=few,
        duration=lengths,
        loop=0,
        palette=bytes(palette.getpalette() or ()).ljust(768, b"\0"),  # a short one has no place for what is clear
        # What is as it was before is left out of a picture.
        optimize=True,
        transparency=CLEAR,
        disposal=1,
    )


def _palette(sample: Sequence[Image]) -> Image:
    """Our own colors as they are, and those that come nearest to what else there is."""
    from PIL import Image

    width, height = sample[0].size
    sheet = Image.new("RGB", (width, height * len(sample)))
    for at, image in enumerate(sample):
        sheet.paste(image, (0, at * height))
    own = own_colors()
    half = (CLEAR - len(own)) // 2
    # One way serves what is large, grays above all; the other what is small and bright.
    ways = (Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE)
    found = np.concatenate([sheet.quantize(half, way).getpalette() or [] for way in ways]).astype(int).reshape(-1, 3)
    # Pillow looks for the nearest color by the leading bits only, and must not find another one beside ours.
    apart = np.abs(found[:, None] - np.array(own)).max(axis=-1).min(axis=1) >= NEAR
    palette = Image.new("P", (1, 1))
    palette.putpalette([*np.array(own).ravel().tolist(), *np.unique(found[apart], axis=0).ravel().tolist()])
    return palette


def _few_colors(images: Iterable[Image], palette: Image, done: Callable[[int], None]) -> Iterator[Image]:
    from PIL import Image

    for image in images:
        # Without dithering, which would make every picture differ from the last one in every pixel.
        yield image.quantize(palette=palette, dither=Image.Dither.NONE)
        done(1)
