"""The page of other libraries' agents: what the layouts declare, and an example that runs."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "libraries.md"
CASE = ROOT / "tests" / "golden" / "libraries" / "cleanrl" / "ppo"


def test_the_page_is_made_from_the_layouts() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "libraries.py"))["page"]()
    assert PAGE.read_text(encoding="utf-8") == made, "run `python docs/libraries.py`"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"<!-- run by .* -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shutil.copy(CASE / "ppo.cleanrl_model", tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(PAGE), "exec"), {})
    assert "tanh between its layers" in capsys.readouterr().out
