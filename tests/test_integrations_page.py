"""The page on integrations: its scripts run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_scripts_of_the_page_on_integrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "integrations.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    training: dict[str, Any] = {}
    live: dict[str, Any] = {}
    other_tools: dict[str, Any] = {}
    exec(blocks[0], training)
    exec(blocks[1], live)
    exec(blocks[2], other_tools)
    assert other_tools["data"].header.data == "minari:poles/ppo-v0"
    assert list(training["recordings"]) == [0, 512, 1024]
    assert (tmp_path / "training.png").is_file()
    assert (tmp_path / "runs" / "live" / "replays" / "episode-000000.html").is_file()
