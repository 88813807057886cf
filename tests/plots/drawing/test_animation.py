"""A figure in which little moves: what stays, what moves over it, and where its text stands."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rltools.plots.drawing.animation import Sheet
from rltools.plots.drawing.style import dark


def ink(pixels: np.ndarray) -> np.ndarray:
    """Where something is drawn: bool `[y, x]`."""
    return (pixels[..., :3] < 128).all(axis=-1)


@pytest.mark.parametrize("width", [640, 641, 997, 1280, 1918, 3840])
def test_a_picture_has_the_size_that_was_asked_for(width: int) -> None:
    pixels = Sheet(width).draw(0)
    assert pixels.shape == (2 * round(width * 9 / 32), width + width % 2, 4)
    assert (pixels == 255).all()


def test_what_moves_leaves_nothing_behind() -> None:
    sheet = Sheet(640)
    sheet.block(0, 0, 20, 20, "black")
    sheet.bar(300, 150, 100, np.array([200.0, -100.0, np.nan]), ("red", "blue"))
    first = sheet.draw(0).copy()
    assert (first[75, 150:250, :3] == [0, 0, 255]).all()
    second = sheet.draw(1).copy()
    assert (second[75, 100:150, :3] == [255, 0, 0]).all()
    assert (second[75, 151:, :3] == 255).all()
    assert (sheet.draw(2)[75, 50:] == 255).all()
    assert ink(sheet.draw(2))[:10, :10].all()
    np.testing.assert_array_equal(sheet.draw(0), first)


def test_numbers_keep_their_place_while_they_change() -> None:
    sheet = Sheet(1280)
    sheet.moving_text(300, 50, ["1.1", "8.8", "-8.8"], right=True)
    sheet.moving_text(300, 100, ["8", "8", "8"])
    places = [np.flatnonzero(ink(sheet.draw(step))[:75].any(axis=0)) for step in range(3)]
    assert all(290 <= place.max() < 300 for place in places)
    assert places[1].tolist() == [column for column in places[2].tolist() if column >= places[1].min()]
    lines = np.flatnonzero(ink(sheet.draw(1))[:75].any(axis=1))
    assert lines.mean() == pytest.approx(50, abs=1.5)
    assert np.flatnonzero(ink(sheet.draw(1))[75:].any(axis=0)).min() in (300, 301, 302)


def test_text_is_as_matplotlib_draws_it() -> None:
    """Put together from pieces it is as wide, give or take a pixel for each digit."""
    texts = ["step 126 / 251", "state=row 4, column 3"]
    for text in texts:
        still, moving = Sheet(1280), Sheet(1280)
        still.text(100, 105, text, 14.0, weight="bold")
        moving.moving_text(100, 100, [text], 14.0, True)
        wide = [np.ptp(np.flatnonzero(ink(sheet.draw(0)).any(axis=0))) for sheet in (still, moving)]
        assert wide[1] == pytest.approx(wide[0], abs=sum(character.isdigit() for character in text) + 1)


def test_text_beyond_the_picture_is_cut() -> None:
    sheet = Sheet(640)
    for x, y in ((1270, 30), (5, 30), (600, 719), (600, 900)):
        sheet.moving_text(x, y, ["far away\nbelow"], right=x < 600)
    assert ink(sheet.draw(0)).any()


def test_bold_text_is_ink_and_other_text_has_its_color() -> None:
    sheet = Sheet(1280)
    sheet.moving_text(100, 100, ["MMM", "MMM"], 14.0, np.array([True, False]), color="#ff0000")
    bold, plain = (sheet.draw(step)[..., :3].copy() for step in range(2))
    assert (bold == [28, 28, 32]).all(axis=-1).sum() > 50
    assert (plain == [255, 0, 0]).all(axis=-1).sum() > 20


def test_a_small_image_is_magnified_in_squares() -> None:
    squares = Image.fromarray(np.array([[0, 200]], np.uint8))
    sheet = Sheet(1280)
    sheet.image(100, 100, 200, 50, lambda step: squares)
    place = sheet.draw(0)[100:150, 100:300, 0]
    assert (place[:, :100] == 0).all()
    assert (place[:, 100:] == 200).all()


def test_text_on_a_dark_page_is_light() -> None:
    with dark():
        sheet = Sheet(1280)
        sheet.moving_text(100, 100, ["step 3"], 14.0)
        pixels = sheet.draw(0)[..., :3]
    assert pixels.max() > 200
    assert np.median(pixels) < 50
