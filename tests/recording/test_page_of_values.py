"""The page `values` of the documentation: its code runs, and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "values.md"


def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(block, {})
    first, second = capsys.readouterr().out.splitlines()
    assert f"  # {first}\n" in block
    assert re.fullmatch(r"After step \d+ it went [\d.]+ of discounted return better than expected\.", second)
