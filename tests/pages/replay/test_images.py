"""Pictures and maps in every layout, and the rows beside them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rltools.pages.replay.rows import maps, pictures, rows_of, summed
from rltools.spaces import Features, Part
from rltools.spaces.leaves import Leaf

LAYOUTS = [
    ("y", "x"),
    ("y", "x", "channel"),
    ("channel", "y", "x"),
    ("x", "y", "channel"),
    ("lag", "y", "x"),
    ("lag", "y", "x", "channel"),
    ("lag", "x", "y", "channel"),
]
SIZES = {"y": 8, "x": 9, "channel": 3, "lag": 2}


def part_of(dims: tuple[str, ...], dtype: str = "uint8", channels: tuple[str, ...] = (), **sizes: int) -> Part:
    shape = tuple((SIZES | sizes)[axis] for axis in dims)
    return Part(Leaf((), "number", shape, dtype), 0, shape, dims, channels)


def observed(entry: dict[str, Any], step: int = 0) -> np.ndarray:
    """The pixels of a picture, `[y, x, 3]`."""
    kind, content = entry["images"][step].split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")).astype(int)


def complete(entry: dict[str, Any]) -> np.ndarray:
    content = np.frombuffer(base64.b64decode(entry["data"]), entry["kind"]).reshape(entry["shape"])
    return np.asarray(content * entry["scale"])


@pytest.mark.parametrize("dims", LAYOUTS, ids=",".join)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_picture_and_its_map_have_every_pixel_in_its_place(dims: tuple[str, ...], dtype: Any) -> None:
    part = part_of(dims)
    index = [slice(None)] * len(dims)
    index[dims.index("y")], index[dims.index("x")] = 2, 7
    observations = np.zeros((1, *part.shape), dtype)
    observations[0][tuple(index)] = 200
    pixels = observed(pictures(observations, part))
    assert pixels.shape == (8, 9, 3)
    assert np.argwhere(pixels.sum(axis=2)).tolist() == [[2, 7]]
    assert complete(maps(observations.reshape(1, 1, -1), part))[0, 0].nonzero() == (np.array([2]), np.array([7]))


@pytest.mark.parametrize("dims", LAYOUTS, ids=",".join)
def test_rows_are_regions_summed_over_what_is_at_one_place(dims: tuple[str, ...]) -> None:
    shape = part_of(dims).shape
    values = np.random.default_rng(0).normal(size=(2, 1, *shape))
    rows = rows_of(Features(shape, dims))
    sums = summed(values.reshape(2, 1, -1), rows)
    y, x = 2 + dims.index("y"), 2 + dims.index("x")
    position = [row.name for row in rows].index("y2-3 x3-4")
    region = values.take([2, 3], y).take([3, 4], x).reshape(2, 1, -1)
    np.testing.assert_allclose(sums[..., position], region.sum(axis=-1))
    np.testing.assert_allclose(sums.sum(axis=-1), values.reshape(2, 1, -1).sum(axis=-1))
    assert len(rows) == 16


def test_of_a_stack_the_newest_is_seen_and_that_is_said() -> None:
    part = part_of(("lag", "y", "x"), lag=4)
    observations = np.zeros((1, *part.shape), np.uint8)
    observations[0, 3, 1, 1] = observations[0, 0, 5, 5] = 200
    entry = pictures(observations, part)
    assert np.argwhere(observed(entry).sum(axis=2)).tolist() == [[1, 1]]
    assert entry["note"] == "the newest of 4 is seen, the colors are the sum over all 4"
    assert complete(maps(observations.reshape(1, 1, -1).astype(float), part)).nonzero()[2].tolist() == [1, 5]


def test_numbers_of_things_are_stretched_and_their_colors_said() -> None:
    part = part_of(("x", "y", "channel"), channels=("object", "color", "state"))
    observations = np.zeros((2, *part.shape), np.uint8)
    observations[0, 7, 2] = (10, 1, 0)
    observations[1, 7, 2] = (5, 5, 0)
    entry = pictures(observations, part)
    assert entry["note"] == "object as red, color as green, state as blue"
    assert observed(entry, 0)[2, 7].tolist() == [255, 51, 0]
    assert observed(entry, 1)[2, 7].tolist() == [128, 255, 0]


def test_of_many_named_channels_the_largest_is_seen() -> None:
    part = part_of(("y", "x", "channel"), channels=tuple("abcde"), channel=5)
    observations = np.zeros((1, *part.shape), np.uint8)
    observations[0, :, :, 0] = 1
    observations[0, 2, 7] = (0, 0, 0, 0, 1)
    entry = pictures(observations, part)
    assert "which of the 5 channels is largest" in entry["note"]
    assert np.argwhere(observed(entry).sum(axis=2)).tolist() == [[2, 7]]


def test_colors_are_as_they_are_however_dark() -> None:
    part = part_of(("y", "x", "channel"), channels=("red", "green", "blue"))
    entry = pictures(np.full((1, *part.shape), 20, np.uint8), part)
    assert (observed(entry) == 20).all()
    assert entry["note"] == ""


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((4, 80, 90), ("channel", "y", "x")), ((80, 90, 3), ("y", "x", "channel")), ((80, 90), ("y", "x"))],
)
def test_large_pictures_are_about_what_they_were(shape: tuple[int, ...], dims: tuple[str, ...]) -> None:
    part = Part(Leaf((), "number", shape, "uint8"), 0, shape, dims)
    observations = np.full((1, *shape), 100, np.uint8)
    assert np.abs(observed(pictures(observations, part)) - 100).max() <= 3


def test_maps_shrink_with_the_number_of_steps() -> None:
    part = Part(Leaf((), "number", (30, 24), "float32"), 0, (30, 24), ("y", "x"))
    values = np.random.default_rng(0).normal(size=(2000, 4, 30 * 24)).astype(np.float32)
    entry = maps(values, part)
    assert entry["shape"] == [2000, 4, 15, 15]
    np.testing.assert_allclose(
        complete(entry).sum(axis=(2, 3)), values.sum(axis=2, dtype=float), atol=15 * 15 * entry["scale"] / 2
    )
    assert maps(values, part, arrays=2)["shape"] == [2000, 4, 12, 12]


def test_an_observation_of_parts_has_rows_in_their_order() -> None:
    leaves = (
        Leaf(("camera",), "number", (8, 9), "uint8"),
        Leaf(("cell",), "choice", (), "int64", (3,), (0,)),
        Leaf(("words",), "text", (), "object"),
        Leaf(("speed",), "number", (1,), "float32"),
    )
    rows = rows_of(Features((76,), leaves=leaves))
    assert [row.name for row in rows][15:] == ["camera: y6-7 x7-8", "cell=0", "cell=1", "cell=2", "speed/0"]
    assert [row.kind for row in rows] == ["region"] * 16 + ["choice"] * 3 + ["number"]
    assert sorted(np.concatenate([row.entries for row in rows]).tolist()) == list(range(76))
