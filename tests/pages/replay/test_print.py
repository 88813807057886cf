"""A replay on paper, and with the colors that Windows forces on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rltools

Made = tuple[rltools.Recording, rltools.Policy]
WIDTH = 794
"""A4 in pixels of CSS."""


@pytest.fixture(scope="module")
def page(explained_cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rltools.replay(explained_cartpole[0], 0, tmp_path_factory.mktemp("pages") / "page.html")


def test_on_paper_bars_survive_and_controls_do_not(browser: Any, page: Path) -> None:
    browser.open(page, "#step=3", width=WIDTH, dark=True)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", media="print", features=dark)
    browser.wait_for("document.body.classList.contains('paper')")
    for selector in (".fill", ".swatch", ".meter-fill"):
        assert browser.run(f"getComputedStyle(document.querySelector('{selector}')).printColorAdjust") == "exact"
        assert browser.run(f"document.querySelector('{selector}').getBoundingClientRect().width") > 0
    visible = "[...document.querySelectorAll('button, select, input')].filter((each) => each.checkVisibility())"
    assert browser.run(f"{visible}.map((each) => each.id || each.className)") == []
    assert (
        browser.run("getComputedStyle(document.body).color") == "rgb(28, 28, 32)"
    )  # ink on white, however dark it was
    rights = "[...document.querySelectorAll('.track canvas')].map((each) => each.getBoundingClientRect().right)"
    assert max(browser.run(rights)) <= WIDTH
    assert "Shapley values" in browser.text("#provenance")
    assert browser.run("document.getElementById('about').checkVisibility()") is True
    browser.call("Emulation.setEmulatedMedia", media="", features=dark)
    browser.wait_for("!document.body.classList.contains('paper')")
    assert browser.run("document.documentElement.dataset.theme") == "dark"
    assert browser.complaints() == []


def test_a_sheet_or_two_are_enough(browser: Any, page: Path) -> None:
    browser.open(page, "#step=3", width=1280, height=720)
    import base64
    import re

    content = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", content)) <= 2


def test_forced_colors_leave_bars_and_swatches(browser: Any, page: Path) -> None:
    browser.open(page, "#step=3", width=1280, height=720)
    color = "getComputedStyle(document.querySelector('.fill')).backgroundColor"
    before = browser.run(color)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    browser.wait_for("matchMedia('(forced-colors: active)').matches")
    assert browser.run(color) == before
    swatch = "getComputedStyle(document.querySelector('.swatch')).forcedColorAdjust"
    assert browser.run(swatch) == "none"
    text = browser.run("getComputedStyle(document.querySelector('.present')).color")
    icon = browser.run("getComputedStyle(document.querySelector('#play svg')).fill")
    ground = browser.run("getComputedStyle(document.querySelector('#play')).backgroundColor")
    assert icon != ground
    assert text != browser.run("getComputedStyle(document.body).backgroundColor")
    assert browser.complaints() == []
