"""The pages: what they link to is there, and the scripts of their pictures run."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import rltools

DOCS = Path(__file__).parents[1] / "docs"
STEPS = 40


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


@pytest.mark.parametrize("page", sorted((DOCS / "methods").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_of_methods_is_reached_and_has_its_picture(page: Path) -> None:
    if page.stem == "README":
        return
    assert f"({page.name})" in (DOCS / "methods" / "README.md").read_text(encoding="utf-8")
    assert f"({page.stem}.png)" in page.read_text(encoding="utf-8")
    assert page.with_suffix(".py").is_file()


@pytest.mark.parametrize("script", sorted((DOCS / "methods").glob("*.py")), ids=lambda script: script.stem)
def test_the_script_of_a_picture_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = rltools.record

    def shortly(*given: Any, **options: Any) -> rltools.Recording:
        return record(*given, **options | {"max_steps": STEPS})

    monkeypatch.setattr(rltools, "record", shortly)
    picture = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        plt.close("all")
    assert picture.stat().st_size > 10_000
