"""What is shown of an image, whatever the order of its axes; the same for pages, plots and videos."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict

from rltools.spaces import Features, space_features
from rltools.spaces.image import image_parts, pixel_elements, visible
from rltools.spaces.leaves import Leaf
from rltools.spaces.parts import Part

COLOR = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)


def part_of(shape, dims, channels=(), dtype="float32"):
    return Part(Leaf((), "number", shape, dtype), 0, shape, dims, channels)


@pytest.mark.parametrize("dims", [("y", "x", "channel"), ("channel", "y", "x"), ("x", "channel", "y")])
def test_colors_are_shown_upright_and_unchanged(dims):
    axes = [("y", "x", "channel").index(name) for name in dims]
    turned = COLOR.transpose(0, *(1 + axis for axis in axes))
    part = part_of(turned.shape[1:], dims)
    images = visible(turned, part)
    np.testing.assert_array_equal(images.pixels, COLOR)
    assert images.note == ""
    flat = turned.reshape(len(turned), -1)
    np.testing.assert_array_equal(np.sort(flat[:, pixel_elements(part)], axis=-1), np.sort(COLOR, axis=-1))


def test_bytes_that_became_floats_are_as_bright_as_before():
    part = part_of((4, 5, 3), ("y", "x", "channel"), dtype="uint8")
    np.testing.assert_array_equal(visible(COLOR.astype(np.float32), part).pixels, COLOR)


def test_of_a_stack_the_newest_frame_is_shown():
    frames = np.stack([COLOR[..., 0], COLOR[..., 1]], axis=1)
    images = visible(frames, part_of((2, 4, 5), ("lag", "y", "x")))
    np.testing.assert_array_equal(images.pixels, COLOR[..., 1])
    assert images.note == "the newest of 2 is seen, the colors are the sum over all 2"


def test_gray_uses_the_whole_range_where_it_is_not_bytes():
    values = np.linspace(-2, 3, 2 * 4 * 5).reshape(2, 4, 5)
    pixels = visible(values, part_of((4, 5), ("y", "x"))).pixels
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.uint8, 0, 255)
    assert visible(np.full((1, 4, 5), 20, np.uint8), part_of((4, 5), ("y", "x"))).pixels.max() == 255
    assert visible(np.full((1, 4, 5), 200, np.uint8), part_of((4, 5), ("y", "x"))).pixels.max() == 200


@pytest.mark.parametrize(
    ("channels", "count", "axes", "note"),
    [
        (("type", "color", "state"), 3, 4, "type as red, color as green, state as blue"),
        ((), 3, 4, ""),
        (("a", "b"), 2, 3, "brightness shows which of the 2 channels is largest"),
        ((), 5, 3, "the last of 5 channels is seen, the colors are the sum over all"),
        (("gray",), 1, 3, ""),
    ],
)
def test_channels(channels, count, axes, note):
    images = visible(
        np.random.default_rng(1).random((2, 4, 5, count)), part_of((4, 5, count), ("y", "x", "channel"), channels)
    )
    assert (images.pixels.ndim, images.pixels.shape[:3], images.note) == (axes, (2, 4, 5), note)


def test_values_that_are_not_finite_are_shown_as_something():
    values = np.full((1, 4, 5), np.nan)
    values[0, 0] = [1, np.inf, -np.inf, 0, 2]
    assert visible(values, part_of((4, 5), ("y", "x"))).pixels.shape == (1, 4, 5)


def test_parts_that_are_images():
    space = Dict(pose=Box(-1, 1, (2,)), camera=Box(0, 255, (8, 8, 3), np.uint8))
    assert [part.leaf.name for part in image_parts(space_features(space))] == ["camera"]
    assert image_parts(Features((4, 4))) == ()
