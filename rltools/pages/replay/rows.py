"""The rows of bars, heatmap and traces: elements of the observation, and regions of images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from rltools.pages.replay._encode import base64_of, quantized
from rltools.spaces import Features, Part
from rltools.spaces.image import pixel_elements, visible


@dataclass(frozen=True)
class Row:
    """An element of the observation, or a region of an image in it.

    Attributes:
        name: the name of the element or region.
        unit: "" where there is none.
        kind: "number", "choice" or "region".
        entries: row-major positions in the encoded observation.
    """

    name: str
    unit: str
    kind: str
    entries: np.ndarray


def rows_of(features: Features) -> list[Row]:
    """A row for each element of an observation, and for each region of an image, over all channels and lags."""
    units = features.units or ("",) * features.size
    rows: list[Row] = []
    for part in features.parts:
        if part.is_image:
            prefix = f"{part.leaf.name}: " if part.leaf.name else ""
            rows += [Row(prefix + name, "", "region", part.start + position) for name, position in _regions(part)]
        else:
            places = range(part.start, part.stop)
            rows += [
                Row(features.names[position], units[position], part.leaf.kind, np.array([position]))
                for position in places
            ]
    return rows


def _regions(part: Part) -> list[tuple[str, np.ndarray]]:
    pixels = pixel_elements(part)
    grid = Features(pixels.shape[:2], ("y", "x")).groups()
    return [(name, pixels.reshape(-1, pixels.shape[2])[elements].ravel()) for name, elements in grid]


def summed(values: np.ndarray, rows: Sequence[Row]) -> np.ndarray:
    """`[..., entry]` -> float64 `[..., row]`, summed over the entries of each row."""
    if not rows:
        return np.zeros((*values.shape[:-1], 0))
    order = np.concatenate([row.entries for row in rows])
    starts = [0, *accumulate(len(row.entries) for row in rows[:-1])]
    sums: np.ndarray = np.add.reduceat(values[..., order], starts, axis=-1, dtype=np.float64)
    return sums


MAP_ENTRIES = 2_000_000
"""Elements of all maps of one attribution together, at most, of one byte each."""
_SIDES = (12, 84)
"""The smallest and the largest side of a map."""
_QUALITY = 75
_LOSSLESS = 64 * 64
"""Pixels of an image, at most, that is stored without loss: a grid of cells would smear."""


def pictures(observations: np.ndarray, part: Part) -> dict[str, Any]:
    """What a page shows of a part: name, size, and a picture of each of `[step, *part.shape]` as a WebP data URI.

    `note` says what of it is seen where not all is: the newest of a stack, what the colors mean.
    """
    pixels, note = visible(observations, part)
    size = pixels.shape[1:3]
    lossless = size[0] * size[1] <= _LOSSLESS
    return {
        "name": part.leaf.name,
        "size": list(size),
        "note": note,
        "stacked": "lag" in part.dims,
        "images": [_webp(picture, lossless) for picture in pixels],
    }


def webp_uri(content: bytes) -> str:
    """A WebP picture as a data URI."""
    return f"data:image/webp;base64,{base64_of(content)}"


def _webp(picture: np.ndarray, lossless: bool) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=_QUALITY, lossless=lossless)
    return webp_uri(buffer.getvalue())


def maps(values: np.ndarray, part: Part, *, arrays: int = 1) -> dict[str, Any]:
    """`[step, target, entry]` of a part as one map each, `[step, target, y, x]` in 8 bits.

    Summed over channels and lags; shrunk by sums over blocks, so that `arrays` such maps are small enough together.
    """
    flat = values[..., pixel_elements(part)].sum(axis=-1)
    steps, targets, height, width = flat.shape
    side = int(np.clip(np.sqrt(MAP_ENTRIES / max(steps * targets * arrays, 1)), *_SIDES))
    rows = np.linspace(0, height, min(side, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(side, width) + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(flat, rows, axis=2), columns, axis=3)
    return quantized(small, np.dtype("i1"))
