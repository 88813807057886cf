"""The README's script and the CONTRIBUTING page's method, run as they stand."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

import rltools
from rltools.testing import check_attribution

ROOT = Path(__file__).parent.parent


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    any_policy, script = python_blocks("README.md")
    names: dict[str, object] = {}
    exec(script, names)
    printed = capsys.readouterr().out
    assert "Of what moves the score of the action taken" in printed
    assert (tmp_path / "importance.png").stat().st_size > 10_000
    assert "<html" in (tmp_path / "episode.html").read_text(encoding="utf-8")

    recording = names["recording"]
    assert isinstance(recording, rltools.Recording)
    states, actions = recording.episode(0).observations, recording.episode(0).actions
    names = {"my_data": (states, actions)}
    exec(any_policy, names)
    assert names["values"].shape == (1, 1, 4)  # type: ignore[attr-defined]
    policy = names["policy"]
    assert isinstance(policy, rltools.FunctionPolicy)
    assert policy.action_names == ("push left", "push right")


def test_a_method_is_one_short_file() -> None:
    (block,) = python_blocks("CONTRIBUTING.md")
    module = types.ModuleType("ablation")
    sys.modules["ablation"] = module
    try:
        exec(compile(block, "ablation.py", "exec"), vars(module))
        check_attribution(module.ablation)
    finally:
        del sys.modules["ablation"]


def test_the_readme_is_short_and_what_it_names_is_there() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 120
    for path in re.findall(r"`((?:examples|experiments)/[^`\s]+)`|\]\(([^)#:]+?)(?:#[^)]*)?\)", page):
        place = path[0] or path[1]
        assert (ROOT / place).exists(), f"the README names {place}, which is not there"
