"""The gallery: every plot is in it, and every script draws its picture."""

from __future__ import annotations

import re
from pathlib import Path

import pictures
import pytest

import rltools

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))
LARGEST = 150_000
"""Bytes of a picture."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_draws_the_picture_that_is_shown(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = tmp_path / "picture.png"
    pictures.require_same_episodes(script.stem, pictures.run_script(script, drawn, monkeypatch))
    pictures.check_same(script.with_suffix(".png"), drawn)


def test_every_plot_is_in_the_gallery() -> None:
    page = (GALLERY / "README.md").read_text(encoding="utf-8")
    for name in rltools.plots.plot_names():
        assert f"({name}.png)" in page, name
        assert f"({name}.py)" in page, name
    assert {script.stem for script in SCRIPTS} == set(rltools.plots.plot_names())


@pytest.mark.parametrize("picture", sorted(GALLERY.glob("*.png")), ids=lambda picture: picture.stem)
def test_pictures_are_small_and_have_their_script(picture: Path) -> None:
    assert picture.stat().st_size < LARGEST
    assert picture.with_suffix(".py").is_file()


def test_pictures_have_a_text_for_those_who_do_not_see_them() -> None:
    page = (GALLERY / "README.md").read_text(encoding="utf-8")
    texts = re.findall(r"!\[([^\]]*)\]\(\w+\.png\)", page)
    assert len(texts) == len(SCRIPTS)
    assert all(len(text) > 20 for text in texts)
