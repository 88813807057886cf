"""Pictures are markup in a report, with texts as text: none of two hundred hostile ones becomes an element or runs."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from rltools.plots.drawing.svg import figure_svg, svg_markup

CODE = "window.hurt=1"
BODIES = (
    f"<script>{CODE}</script>",
    f"<img src=x onerror={CODE}>",
    f"<svg onload={CODE}>",
    f"<a href=javascript:{CODE}>x</a>",
    f"<foreignObject><iframe srcdoc='<script>parent.{CODE}</script>'></foreignObject>",
    "<style>@import 'data:text/css,*{display:none}';</style>",
    f"&lt;script&gt;{CODE}&lt;/script&gt;&#60;script&#62;",
    f"{{{{ {CODE} }}}}{{% raw %}}",
    f"url(javascript:{CODE});}}*{{background:red",
    f"<![CDATA[<script>{CODE}</script>",
)
ENDS = ("", "</text>", "</svg></style>", "\"'`>", "-->", "]]>", "*/;", "&quot;", "\\", "%")
HOSTILE = [f"{end}{body}{index}" for index, (body, end) in enumerate(product(BODIES, [*ENDS, *ENDS]))]


@pytest.fixture(scope="module")
def markup() -> str:
    """A picture with every text somewhere: as text, as a label of an axis, as a title and as an alternative text."""
    figure = Figure(figsize=(8, 12))
    axes = figure.subplots()
    for index, text in enumerate(HOSTILE):
        axes.text(0.5 * (index % 2), index / len(HOSTILE), text, fontsize=5, parse_math=False)
    axes.set_yticks([0, 1], labels=HOSTILE[:2], parse_math=False)
    axes.set_title(HOSTILE[2], parse_math=False)
    return svg_markup(figure_svg(figure), "picture", "".join(HOSTILE[:20]))


def test_there_are_two_hundred() -> None:
    assert len(set(HOSTILE)) == 200


def test_none_of_them_is_an_element(browser: Any, markup: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{markup}</body>', encoding="utf-8")
    browser.open(page)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert browser.run("typeof window.hurt") == "undefined"
    kinds = set(browser.run("[...document.querySelectorAll('body *')].map((each) => each.localName)"))
    assert not kinds & {"script", "img", "a", "foreignObject", "iframe", "style", "image", "b", "math"}
    attributes = "new Set([...document.querySelectorAll('*')].flatMap((each) => each.getAttributeNames()))"
    assert not [name for name in browser.run(f"[...{attributes}]") if name == "style" or name.startswith("on")]
    texts = browser.run("[...document.querySelectorAll('text')].map((each) => each.textContent).join('\\n')")
    assert [text for text in HOSTILE if text not in texts] == []
