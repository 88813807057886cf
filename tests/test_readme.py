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
    script, any_network = python_blocks("README.md")
    names: dict[str, object] = {}
    exec(script, names)
    printed = capsys.readouterr().out
    assert printed.startswith("Without pole angular velocity (replaced by that of another visited state) the return")
    assert "Of what moves the score of the action taken" in printed
    assert (tmp_path / "importance.png").stat().st_size > 10_000
    assert "<html" in (tmp_path / "episode.html").read_text(encoding="utf-8")

    import gymnasium
    import torch

    recording = names["recording"]
    assert isinstance(recording, rltools.Recording)
    names["env"] = gymnasium.make("CartPole-v1")
    names["module"] = torch.nn.Linear(4, 2)
    names["observations"] = recording.episode(0).observations
    exec(any_network, names)
    assert names["values"].shape == (500, 1, 4)  # type: ignore[attr-defined]


def test_a_method_is_one_short_file() -> None:
    (block,) = python_blocks("CONTRIBUTING.md")
    module = types.ModuleType("ablation")
    sys.modules["ablation"] = module
    try:
        exec(compile(block, "ablation.py", "exec"), vars(module))
        check_attribution(module.ablation)
    finally:
        del sys.modules["ablation"]


def test_what_the_readme_lists_is_there() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    from rltools.attributions import find_method
    from rltools.targets import SCORES

    (methods,) = re.findall(r"- \*\*Methods\*\*: (.*?)\n- ", page, re.DOTALL)
    named = [name for name in re.findall(r"`([^`]+)`", methods) if "<" not in name]
    assert len(named) > 15
    for name in named:
        find_method(name)
    (targets,) = re.findall(r"- \*\*Targets\*\*: (.*?);", page, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", targets)) <= set(SCORES)
    for path in re.findall(r"`((?:examples|experiments)/[^`]+)`|\((?:docs/)([^)]+)\)", page):
        place = path[0] or f"docs/{path[1].partition('#')[0]}"
        assert (ROOT / place).exists(), f"the README names {place}, which is not there"
