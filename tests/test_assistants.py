"""What is written for coding assistants has the form that they expect, leads to pages that exist, and runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import rltools

ROOT = Path(__file__).parents[1]
LLMS = (ROOT / "llms.txt").read_text(encoding="utf-8")
SKILL = (ROOT / "skills" / "rltools" / "SKILL.md").read_text(encoding="utf-8")
LINK = re.compile(r"- \[[^]]+\]\(([^)]+)\): \S.*")


def test_llms_txt_has_a_title_a_summary_and_then_lists_of_links() -> None:
    """https://llmstxt.org: below a heading of the second level stand links, one a line, and nothing else."""
    head, *sections = re.split(r"(?m)^## .*$", LLMS)
    assert re.match(r"# rltools\n\n> \S.*\n\n", head)
    assert re.findall(r"(?m)^## (.*)$", LLMS) == ["Docs", "Optional"]
    lines = [line for section in sections for line in section.splitlines() if line]
    links = [match[1] for line in lines if (match := LINK.fullmatch(line))]
    assert len(links) == len(lines)
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_skill_says_what_it_is_for() -> None:
    """A name as its folder's, and a description of at most 1024 characters, which decides when it is read."""
    _, front, _ = re.split(r"(?m)^---$\n", SKILL, maxsplit=2)
    assert dict(re.findall(r"(?m)^(\w+): ", front) and [line.split(": ", 1) for line in front.splitlines()]).keys() == {
        "name",
        "description",
    }
    assert re.search(r"(?m)^name: rltools$", front)
    assert len(front.partition("description: ")[2]) <= 1024


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the skill's script has when it has run, on shorter episodes."""
    (script,) = re.findall(r"```python\n(.*?)```", SKILL, re.DOTALL)
    script = script.replace("episodes=10", "episodes=2, max_steps=8").replace(
        "ablate(policy, recording)", "ablate(policy, recording, seeds=2)"
    )
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("skill"))
        exec(script, names)
        names["recording"] = rltools.open_recording(Path("runs/mine").absolute())
    return names


CALLS = re.findall(r"(?m)^\| [^|]+\? \| (.*) \|$", SKILL)
EVERYWHERE = {
    "leave_out=0.05": "leave_out=0.05, seeds=2",
    "explain(...": "rltools.explain(recording, policy",
    "assess(recording, policy": "assess(recording, policy, ['loss_concordance']",
}


def test_every_question_has_a_call() -> None:
    assert len(CALLS) >= 12


@pytest.mark.parametrize("call", [call for cell in CALLS for call in re.findall(r"`([^`]*\(.*?\))`", cell)])
def test_a_call_of_the_skill_runs(
    call: str, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if call == "rltools.ablate(policy, recording)":
        return  # ran in the script
    import gymnasium

    for text, replacement in EVERYWHERE.items():
        call = call.replace(text, replacement)
    eval(call, names | {"env": gymnasium.make("CartPole-v1")})


@pytest.mark.parametrize("name", sorted(set(re.findall(r"rltools\.(\w+)", LLMS + SKILL))))
def test_what_is_named_is_public(name: str) -> None:
    assert hasattr(rltools, name)
