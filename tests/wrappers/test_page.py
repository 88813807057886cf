"""The code of docs/multi-agent.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "multi-agent.md"


def test_multi_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(block, names)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert re.fullmatch(r"obs\[(4|6|9|11)\]", first)
    assert second.startswith("(3, 3, 2) [1 1")
    assert len(names["recording"]) == 2  # type: ignore[arg-type]
