"""The gallery is made from the docstrings of the plots: its page, and a picture of each example."""

from __future__ import annotations

import doctest
import re
import runpy
from pathlib import Path

import docstrings
import numpy as np
import pictures
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from rltools._util.palette import palette
from rltools.plots import plot_info, plot_names

DOCS = Path(__file__).parents[2] / "docs"
GALLERY = runpy.run_path(str(DOCS / "gallery.py"))
PLOTS = GALLERY["gallery_plots"]()
PAGE = DOCS / "gallery" / "README.md"
LARGEST = 160_000
"""Bytes of a picture."""


@pytest.mark.parametrize("name", PLOTS)
def test_the_example_of_a_docstring_draws_the_picture_that_is_shown(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    test, output = GALLERY["example"](PLOTS[name]), []
    runner = doctest.DocTestRunner(docstrings.Checker(), verbose=False, optionflags=docstrings.FLAGS)
    with pictures.watched() as digests:
        runner.run(test, out=output.append, clear_globs=False)
    assert not output, "".join(output)
    test.globs["axes"].figure.savefig(tmp_path / "picture.png", dpi=150)
    pictures.require_same_episodes(name, digests())
    pictures.check_same(DOCS / "gallery" / f"{name}.png", tmp_path / "picture.png")


def test_a_picture_is_drawn_for_light_and_for_dark_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    GALLERY["draw"]("importance", tmp_path / "bars.png")
    light, night = (Image.open(tmp_path / f"bars{variant}.png") for variant in ("", "-dark"))
    assert light.size == night.size
    corners = [to_hex(np.array(image.convert("RGB").getpixel((0, 0))) / 255) for image in (light, night)]
    assert corners == [palette()["paper"], palette(dark=True)["paper"]]


def test_the_page_is_made_from_the_docstrings() -> None:
    assert PAGE.read_text(encoding="utf-8") == GALLERY["page"](), "run `python docs/gallery.py`"


def test_every_plot_declares_its_chapter_and_is_in_the_gallery() -> None:
    assert set(PLOTS) <= set(plot_names())
    assert all(plot_info(plot) for plot in PLOTS.values())
    drawn_plots = {path.stem.removesuffix("-dark") for path in (DOCS / "gallery").glob("*.png")}
    assert drawn_plots == set(PLOTS), "draw new plots with `python docs/pictures.py NAME`, and remove old pictures"


@pytest.mark.parametrize("picture", sorted((DOCS / "gallery").glob("*.png")), ids=lambda picture: picture.stem)
def test_pictures_are_small(picture: Path) -> None:
    assert picture.stat().st_size < LARGEST


def test_pictures_have_an_alternative_text() -> None:
    page = PAGE.read_text(encoding="utf-8")
    texts = re.findall(r'<img alt="([^"]*)" src="\w+\.png">', page)
    assert len(texts) == len(PLOTS) == len(re.findall(r'srcset="\w+-dark\.png"', page))
    assert all(len(text) > 20 for text in texts)
