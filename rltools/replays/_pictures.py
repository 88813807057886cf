"""Image observations as pictures, and their attributions as maps small enough for a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from rltools.features import Features
from rltools.replays._packing import base64_of, quantised

_MAP_ENTRIES = 2_000_000
"""All maps of one attribution have at most about so many entries together, one byte each."""
_SIDES = (12, 84)
"""The smallest and the largest side of a map."""
_QUALITY = 75


def pictures(observations: np.ndarray, dims: Sequence[str]) -> list[str]:
    """`[step, *image]` as one WebP data URI each: colours where there are three, the newest of stacked ones else."""
    from PIL import Image

    found = []
    for picture in _bytes(_visible(observations, dims)):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "WEBP", quality=_QUALITY)
        found.append(webp_uri(buffer.getvalue()))
    return found


def webp_uri(content: bytes) -> str:
    """A WebP picture as a data URI."""
    return f"data:image/webp;base64,{base64_of(content)}"


def _visible(observations: np.ndarray, dims: Sequence[str]) -> np.ndarray:
    if "channel" not in dims:
        return observations
    last = np.moveaxis(observations, 1 + dims.index("channel"), -1)
    return last if last.shape[-1] == 3 else last[..., -1]


def _bytes(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    plain = np.nan_to_num(values.astype(np.float32))
    low, high = min(float(plain.min(initial=0)), 0.0), float(plain.max(initial=0))
    return np.asarray(np.rint((plain - low) / (high - low or 1) * 255), np.uint8)


def maps(values: np.ndarray, features: Features) -> dict[str, Any]:
    """`[step, target, *image]` as one map each, summed over channels, shrunk by sums over blocks, in 8 bits."""
    flat = over_channels(values, features)
    steps, targets, height, width = flat.shape
    side = int(np.clip(np.sqrt(_MAP_ENTRIES / max(steps * targets, 1)), *_SIDES))
    rows = np.linspace(0, height, min(side, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(side, width) + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(flat, rows, axis=2), columns, axis=3)
    return quantised(small, np.dtype("i1"))


def over_channels(values: np.ndarray, features: Features) -> np.ndarray:
    """`[step, target, *image]` -> `[step, target, y, x]`."""
    if "channel" in features.dims:
        values = values.sum(axis=2 + features.dims.index("channel"))
    return values


def regions(shape: Sequence[int]) -> list[tuple[str, np.ndarray]]:
    """Names and row-major positions of the parts of a picture `(y, x)` whose sums are shown over time."""
    return Features(tuple(shape), ("y", "x")).groups()
