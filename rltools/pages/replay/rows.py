"""The rows of bars, heatmap and traces: elements of the observation, and regions of images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from rltools.pages.replay._encode import base64_of, quantized
from rltools.spaces import Features, Part


@dataclass(frozen=True)
class Row:
    """An element of the observation, or a region of an image in it.

    Attributes:
        name: of the element or region.
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


def plane(part: Part) -> np.ndarray:
    """The positions of a picture's entries in its own numbers, those of one pixel side by side: `[y, x, entry]`."""
    height, width = (part.shape[part.dims.index(axis)] for axis in ("y", "x"))
    places = np.arange(prod(part.shape)).reshape(part.shape)
    in_front = np.moveaxis(places, [part.dims.index("y"), part.dims.index("x")], [0, 1])
    return in_front.reshape(height, width, -1)


def _regions(part: Part) -> list[tuple[str, np.ndarray]]:
    pixels = plane(part)
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
"""Pictures of at most so many pixels are kept as they are: a grid of cells would smear."""
_DARK = 31
"""Bytes that go no further are numbers of things, and not how bright they are."""
_COLORS = ("red", "green", "blue")


def pictures(observations: np.ndarray, part: Part) -> dict[str, Any]:
    """What a page shows of a part: name, size, and a picture of each of `[step, *part.shape]` as a WebP data URI.

    `note` says what of it is seen where not all is: the newest of a stack, what the colors mean.
    """
    values, note = visible(observations, part)
    size = values.shape[1:3]
    lossless = size[0] * size[1] <= _LOSSLESS
    return {
        "name": part.leaf.name,
        "size": list(size),
        "note": note,
        "stacked": "lag" in part.dims,
        "images": [_webp(picture, lossless) for picture in values],
    }


def webp_uri(content: bytes) -> str:
    """A WebP picture as a data URI."""
    return f"data:image/webp;base64,{base64_of(content)}"


def _webp(picture: np.ndarray, lossless: bool) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=_QUALITY, lossless=lossless)
    return webp_uri(buffer.getvalue())


def visible(observations: np.ndarray, part: Part) -> tuple[np.ndarray, str]:
    """Bytes `[step, y, x]`, or `[step, y, x, 3]` in colors, and what is to say of them."""
    values, dims, notes = observations, list(part.dims), []
    for axis in [name for name in dims if name not in ("y", "x", "channel")]:
        # Of several moments the newest.
        values = values.take(-1, 1 + dims.index(axis))
        lags = part.shape[part.dims.index(axis)]
        notes += [f"the newest of {lags} is seen, the colors are the sum over all {lags}"] if lags > 1 else []
        dims.remove(axis)
    order = ["y", "x", *(["channel"] if "channel" in dims else [])]
    values = values.transpose(0, *(1 + dims.index(axis) for axis in order))
    if values.ndim == 3:
        return _bytes(values, (1, 2)), "; ".join(notes)
    named = part.channels if len(part.channels) == values.shape[-1] else ()
    if values.shape[-1] == 3 and named in ((), _COLORS):
        return _bytes(values, (1, 2, 3), as_they_are=True), "; ".join(notes)
    if values.shape[-1] == 3:
        seen = ", ".join(f"{name} as {color}" for name, color in zip(named, _COLORS, strict=True))
        return _bytes(values, (1, 2)), "; ".join([seen, *notes])
    if named and values.shape[-1] > 1:
        notes.insert(0, f"how bright is which of the {len(named)} channels is largest")
        return _bytes(values.argmax(axis=-1), (1, 2)), "; ".join(notes)
    if values.shape[-1] > 1:
        notes.insert(0, f"the last of {values.shape[-1]} channels is seen, the colors are the sum over all")
    return _bytes(values[..., -1], (1, 2)), "; ".join(notes)


def _bytes(values: np.ndarray, axes: tuple[int, ...], *, as_they_are: bool = False) -> np.ndarray:
    """Bytes that use the whole range over the episode, alike along `axes`."""
    if values.dtype == np.uint8 and (as_they_are or values.max(initial=0) > _DARK):
        return np.ascontiguousarray(values)
    plain = np.nan_to_num(values.astype(np.float32))
    low = np.minimum(plain.min(axis=(0, *axes), initial=0, keepdims=True), 0)
    span = plain.max(axis=(0, *axes), initial=0, keepdims=True) - low
    return np.asarray(np.rint((plain - low) / np.where(span > 0, span, 1) * 255), np.uint8)


def maps(values: np.ndarray, part: Part, *, of: int = 1) -> dict[str, Any]:
    """`[step, target, entry]` of a part as one map each, `[step, target, y, x]` in 8 bits.

    Summed over channels and lags; shrunk by sums over blocks, so that `of` such arrays are small enough together.
    """
    flat = values[..., plane(part)].sum(axis=-1)
    steps, targets, height, width = flat.shape
    side = int(np.clip(np.sqrt(MAP_ENTRIES / max(steps * targets * of, 1)), *_SIDES))
    rows = np.linspace(0, height, min(side, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(side, width) + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(flat, rows, axis=2), columns, axis=3)
    return quantized(small, np.dtype("i1"))
