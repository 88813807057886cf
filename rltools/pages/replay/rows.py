"""Makes the rows of bars, heatmap and traces: elements of the observation, and regions of images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from rltools.pages.replay._encode import base64_of, packed, quantized
from rltools.recording import Attribution, Episode
from rltools.spaces import Features, Part
from rltools.spaces.image import pixel_elements, visible
from rltools.spaces.leaves import pick


class HasEntries(Protocol):
    """A row of a page: some elements of an observation."""

    @property
    def entries(self) -> np.ndarray:
        """The row-major positions of its elements."""
        ...


@dataclass(frozen=True)
class Row:
    """An element of the observation, or a region of an image in it.

    Attributes:
        name: the name of the element or region.
        unit: the unit; "" if there is none.
        kind: "number", "choice" or "region".
        entries: row-major positions in the encoded observation.
        options: for a choice as a whole the names of its values, one per entry; otherwise empty.
    """

    name: str
    unit: str
    kind: str
    entries: np.ndarray
    options: tuple[str, ...] = ()


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
    return [(name, pixels.reshape(-1, pixels.shape[2])[elements].ravel()) for name, elements in _grid(part)]


def _grid(part: Part) -> list[tuple[str, np.ndarray]]:
    """The regions of an image: names, and row-major positions among its pixels."""
    return Features(pixel_elements(part).shape[:2], ("y", "x")).groups()


def boxes(part: Part) -> list[list[int]]:
    """The bounds `[top, left, bottom, right]` of each region of an image in pixels, in the order of its rows.

    >>> from rltools.spaces import Features
    >>> boxes(Features((2, 4), ("y", "x")).parts[0])[:2]
    [[0, 0, 1, 1], [0, 1, 1, 2]]
    """
    width = pixel_elements(part).shape[1]
    bounds = []
    for _, pixels in _grid(part):
        y, x = np.divmod(pixels, width)
        bounds.append([int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1])
    return bounds


@dataclass(frozen=True)
class Variable:
    """A variable of an observation as rows: what `Features.variables` ranks.

    Attributes:
        name: its name.
        kind: that of its row if it has one; otherwise "choice", "image", or "group" for anything else.
        rows: the positions of its rows.
        options: for a choice the names of its values, one per row; otherwise empty.
    """

    name: str
    kind: str
    rows: tuple[int, ...]
    options: tuple[str, ...] = ()


def variables_of(features: Features) -> list[Variable]:
    """The variables of an observation, each with the rows that it is the sum of.

    >>> from gymnasium.spaces import Box, Dict, Discrete
    >>> from rltools.spaces import space_features
    >>> features = space_features(Dict(cell=Discrete(2), pose=Box(-1, 1, (2,))))
    >>> [(each.name, each.kind, each.rows) for each in variables_of(features)]
    [('cell', 'choice', (0, 1)), ('pose', 'group', (2, 3))]
    """
    rows = rows_of(features)
    row_of = {int(element): position for position, row in enumerate(rows) for element in row.entries}
    variables = []
    for name, elements in features.variables():
        own = tuple(dict.fromkeys(row_of[int(element)] for element in elements))
        kinds = {rows[position].kind for position in own}
        if len(own) == 1:
            variables.append(Variable(rows[own[0]].name, rows[own[0]].kind, own))
        elif kinds == {"choice"} and len(own) in _choice_sizes(features):
            options = tuple(rows[position].name.removeprefix(f"{name}=") for position in own)
            variables.append(Variable(name, "choice", own, options))
        else:
            variables.append(Variable(name, "image" if kinds == {"region"} else "group", own))
    return variables


def _choice_sizes(features: Features) -> set[int]:
    """How many values the choices of an observation have."""
    return {size for leaf in features.leaves for size in leaf.sizes}


def at_chosen(attribution: Attribution, episode: Episode) -> Attribution:
    """An attribution with the value of each factor of a choice at the element of the value that it has.

    A method spreads the value of a factor evenly over its elements, most of which are not what is observed. Other
    attributions are returned as they are.

    Args:
        attribution: of the steps of an episode.
        episode: the episode, decoded if the attribution is of factors.
    """
    if not attribution.spec.decoded or attribution.spec.window:
        return attribution
    values = attribution.values.copy()
    states = episode.states.reshape(len(episode), 1, -1)
    for start, stop in attribution.features.choice_slices:
        whole = attribution.values[..., start:stop].sum(axis=-1, keepdims=True)
        values[..., start:stop] = whole * states[..., start:stop]
    return replace(attribution, values=values)


def summed(values: np.ndarray, rows: Sequence[HasEntries]) -> np.ndarray:
    """Sum over the elements of each row, `[..., element]` -> float64 `[..., row]`."""
    if not rows:
        return np.zeros((*values.shape[:-1], 0))
    order = np.concatenate([row.entries for row in rows])
    starts = [0, *accumulate(len(row.entries) for row in rows[:-1])]
    sums: np.ndarray = np.add.reduceat(values[..., order], starts, axis=-1, dtype=np.float64)
    return sums


CELLS = 200_000
"""The most numbers of an image's cells over all steps that a page carries."""
_GRID = 16 * 16
"""The most cells of an image that is a grid of things rather than of pixels."""
MAP_ENTRIES = 2_000_000
"""The most elements of all maps of one attribution together, one byte each."""
_SIDES = (12, 84)
"""The smallest and the largest side of a map."""
_QUALITY = 75
_LOSSLESS = 64 * 64
"""The most pixels of an image that is stored losslessly, because compression would smear a grid of cells."""


def observed_part(part: Part, episode: Episode) -> np.ndarray:
    """What an episode observed of a part: `[step, *part.shape]`, in the environment's own type."""
    values = part.leaf.encode(np.asarray(pick(episode.observations, part.leaf)))
    return values.reshape(len(values), *part.shape)


def pictures(observations: np.ndarray, part: Part) -> dict[str, Any]:
    """The images of an observation's part: name, size, and each of `[step, *part.shape]` as a WebP data URI.

    `note` says what the image shows if that is not everything, such as the newest frame of a stack, and what colors
    mean. `boxes` are its regions, and `cells` the observed numbers of a grid `[step, y, x, element]`; None for pixels.
    """
    pixels, note = visible(observations, part)
    size = pixels.shape[1:3]
    lossless = size[0] * size[1] <= _LOSSLESS
    return {
        "name": part.leaf.name,
        "size": list(size),
        "note": note,
        "stacked": "lag" in part.dims,
        "boxes": boxes(part),
        "channels": list(part.channels),
        "cells": _cells(observations, part),
        "images": [_webp(picture, lossless) for picture in pixels],
    }


def _cells(observations: np.ndarray, part: Part) -> dict[str, Any] | None:
    """The numbers of an image that is small, or whose channels are not colors: colors alone would not tell them."""
    elements = pixel_elements(part)
    if elements.size * len(observations) > CELLS or elements.shape[0] * elements.shape[1] > _GRID:
        return None
    return packed(observations.reshape(len(observations), -1)[:, elements].astype(np.float64))


def webp_uri(content: bytes) -> str:
    """A WebP image as a data URI."""
    return f"data:image/webp;base64,{base64_of(content)}"


def _webp(picture: np.ndarray, lossless: bool) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=_QUALITY, lossless=lossless)
    return webp_uri(buffer.getvalue())


def maps(values: np.ndarray, part: Part, *, arrays: int = 1) -> dict[str, Any]:
    """Attributions `[step, target, element]` of an image as maps `[step, target, y, x]` in 8 bits.

    Maps are summed over channels and lags, and over blocks of pixels so that `arrays` such maps are small enough
    together.
    """
    flat = values[..., pixel_elements(part)].sum(axis=-1)
    steps, targets, height, width = flat.shape
    side = int(np.clip(np.sqrt(MAP_ENTRIES / max(steps * targets * arrays, 1)), *_SIDES))
    rows = np.linspace(0, height, min(side, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(side, width) + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(flat, rows, axis=2), columns, axis=3)
    return quantized(small, np.dtype("i1"))
