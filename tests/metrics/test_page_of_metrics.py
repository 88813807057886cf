"""The page of metrics is made from what they declare, and its code runs."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from rltools.metrics import metric_names

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "metrics.md"


def test_the_page_is_made_from_the_declarations() -> None:
    made = runpy.run_path(str(DOCS / "metrics.py"))["page"]()
    assert PAGE.read_text(encoding="utf-8") == made, "run `python docs/metrics.py`"


def test_every_metric_is_on_the_page_once() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == metric_names()


def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(block, {})
    printed = capsys.readouterr().out
    assert printed.count("decision_change") == 3
    assert "Better than" in printed
