"""The page docs/libraries.md: made of the cards of layouts and of the golden files, and its code runs."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "libraries.py"))["page"]()
    assert (DOCS / "libraries.md").read_text(encoding="utf-8") == page, "run `python docs/libraries.py`"


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "libraries.md").read_text("utf-8"), re.DOTALL)
    exec(block, {})
    assert "its scores are those given for 100 observations" in capsys.readouterr().out
