"""Frames small enough for a page to mail: a detailed picture of every step would make it tens of megabytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

LARGEST = 4500
"""Bytes of a frame on average: with 1,000 of them a page stays under 8 MB, base64 and everything else included."""
SAMPLED = 12
_WIDTHS, _QUALITIES = (400, 320, 256, 200), (70, 50, 30)


def fitted(frames: Sequence[bytes]) -> list[bytes]:
    """WebP frames as they are where they are small; otherwise the largest and best that stay under the limit.

    Args:
        frames: WebP, all of one size.
    """
    if sum(map(len, frames)) <= LARGEST * len(frames):
        return list(frames)
    some = frames[:: max(1, len(frames) // SAMPLED)]
    width, quality = next(
        (
            choice
            for choice in product(_WIDTHS, _QUALITIES)
            if sum(len(_encoded(frame, *choice)) for frame in some) <= LARGEST * len(some)
        ),
        (_WIDTHS[-1], _QUALITIES[-1]),
    )
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda frame: _encoded(frame, width, quality), frames))


def _encoded(frame: bytes, width: int, quality: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(frame)) as opened:
        picture = opened.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=1)
    return file.getvalue()
