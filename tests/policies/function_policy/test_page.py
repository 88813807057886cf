"""The code of docs/functions.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rltools

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / f"{page}.md").read_text("utf-8"), re.DOTALL)


def test_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("functions", "python"):  # each goes on where the one before it ended
        exec(block, names)
    printed = capsys.readouterr().out
    assert "cart position: 0%" in printed
    assert "integrated_gradients differentiates, and rule has no gradients" in printed
    assert "pole angular velocity\n" in printed
    assert "'destination'" in printed


def test_functions_of_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"rltools": rltools}
    for block in blocks("functions", "py"):
        exec(block, names)
    top = rltools.summarize(names["recording"]).top()  # type: ignore[arg-type]
    assert top[0].feature in ("pole angle", "pole angular velocity")
