"""Decides which part of an image observation is shown, and how, for pages, plots and videos alike.

An image can have several frames and any number of channels, in any order of its axes. The newest frame is
shown, upright: three channels as red, green and blue, more as a map of the largest channel or as the last channel, one
in gray. The note says what is missing or recolored.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from rltools.spaces._features import Features
from rltools.spaces.parts import Part

DARK = 31
"""uint8 images without a larger value hold codes of cells or counts, and are stretched to be visible."""
_COLORS = ("red", "green", "blue")


class VisibleImages(NamedTuple):
    """Image observations ready for display.

    Attributes:
        pixels: uint8 `[step, y, x]` in gray, or `[step, y, x, 3]` in color.
        note: which frame and channels are shown, and in what color, if the image is not shown whole; "" if it is.
    """

    pixels: np.ndarray
    note: str = ""


def image_parts(features: Features) -> tuple[Part, ...]:
    """The arrays of an observation that can be shown as images."""
    return tuple(part for part in features.parts if part.is_image)


def pixel_elements(part: Part) -> np.ndarray:
    """Positions of an image's elements among those of its part, grouped by pixel: int64 `[y, x, element]`.

    >>> from rltools.spaces import Features
    >>> pixel_elements(Features((2, 1, 2), ("channel", "y", "x")).parts[0]).tolist()
    [[[0, 2], [1, 3]]]
    """
    height, width = (part.shape[part.dims.index(axis)] for axis in ("y", "x"))
    positions = np.arange(prod(part.shape)).reshape(part.shape)
    upright = np.moveaxis(positions, [part.dims.index("y"), part.dims.index("x")], [0, 1])
    return upright.reshape(height, width, -1)


def visible(observations: np.ndarray, part: Part) -> VisibleImages:
    """The visible part of one episode's image observations.

    Args:
        observations: `[step, *part.shape]`; brightness is scaled over all of them together.
        part: the image.
    """
    values, dims, notes = observations, list(part.dims), []
    for axis in [name for name in dims if name not in ("y", "x", "channel")]:
        values = values.take(-1, 1 + dims.index(axis))  # the newest frame
        frames = part.shape[part.dims.index(axis)]
        notes += [f"the newest of {frames} is seen, the colors are the sum over all {frames}"] if frames > 1 else []
        dims.remove(axis)
    order = ["y", "x", *(["channel"] if "channel" in dims else [])]
    values = values.transpose(0, *(1 + dims.index(axis) for axis in order))
    if part.leaf.dtype == "uint8" and values.dtype != np.uint8:  # encoded beside other arrays, pixels become floats
        values = np.clip(np.nan_to_num(values), 0, 255).astype(np.uint8)
    if values.ndim == 3:
        return VisibleImages(_pixels(values, (1, 2)), "; ".join(notes))
    channels = values.shape[-1]
    named = part.channels if len(part.channels) == channels else ()
    if channels == 3 and named in ((), _COLORS):
        return VisibleImages(_pixels(values, (1, 2, 3), is_color=True), "; ".join(notes))
    if channels == 3:
        recolored = ", ".join(f"{name} as {color}" for name, color in zip(named, _COLORS, strict=True))
        return VisibleImages(_pixels(values, (1, 2)), "; ".join([recolored, *notes]))
    if named and channels > 1:
        notes.insert(0, f"brightness shows which of the {channels} channels is largest")
        return VisibleImages(_pixels(values.argmax(axis=-1), (1, 2)), "; ".join(notes))
    if channels > 1:
        notes.insert(0, f"the last of {channels} channels is seen, the colors are the sum over all")
    return VisibleImages(_pixels(values[..., -1], (1, 2)), "; ".join(notes))


def _pixels(values: np.ndarray, axes: tuple[int, ...], *, is_color: bool = False) -> np.ndarray:
    """uint8 values that use the whole range from 0 to 255 over all steps and along `axes`; uint8 images as they are."""
    if values.dtype == np.uint8 and (is_color or values.max(initial=0) > DARK):
        return np.ascontiguousarray(values)
    plain = values.astype(np.float32)
    bounded = plain[np.isfinite(plain)]
    finite = np.nan_to_num(plain, posinf=bounded.max(initial=0), neginf=bounded.min(initial=0))
    low = finite.min(axis=(0, *axes), initial=0, keepdims=True).astype(np.float64)
    span = finite.max(axis=(0, *axes), initial=0, keepdims=True) - low
    return np.asarray(np.rint((finite - low) / np.where(span > 0, span, 1) * 255), np.uint8)
