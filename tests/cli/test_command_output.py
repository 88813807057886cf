"""Names out of cards, models and paths on a terminal: text, in output and in errors alike."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rltools.cards.content import find_content

ESCAPES = r"\e[2J\e]0;title\a[red]x[/red]\r\n\u202e"
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def agent(project: Path) -> Path:
    """A user's agent whose card has escape codes wherever it can."""
    folder = project / "agents" / "mine"
    shutil.copytree(find_content("agents", "cartpole-ppo"), folder)
    card = (folder / "agent.yaml").read_text("utf-8")
    for key in ("name", "description", "library", "algorithm"):
        card = re.sub(rf"(?m)^{key}: .*$", f'{key}: "{key}{ESCAPES}"'.replace("\\", r"\\"), card)
    (folder / "agent.yaml").write_text(card, "utf-8")
    return folder


def test_an_agents_card_is_shown_as_text(rltools: Any, agent: Path) -> None:
    for arguments in (("inspect", "mine"), ("list", "agents")):
        ran = rltools(*arguments)
        assert ran.code == 0, ran.err
        assert not OBEYED.search(ran.out + ran.err), ran.out
        assert r"\x1b[2J\x1b]0;title\x07[red]x[/red]\r\n\u202e" in ran.out
    lines = [line for line in rltools("list", "agents").out.splitlines() if line.startswith("  mine ")]
    assert len(lines) == 1


def test_the_names_of_an_agent_reach_no_terminal_while_it_acts(
    rltools: Any, agent: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = rltools("record", "mine", "--env", "ShortPole-v0", "--import", "poles", "--episodes", "1", "--out", "short")
    assert ran.code == 0, ran.err
    assert not OBEYED.search(ran.out + ran.err)
    printed = rltools("inspect", "short").out
    assert not OBEYED.search(printed)
    assert r"policy       name\x1b[2J" in printed


def test_hostile_keys_and_values_of_a_card_are_text_in_errors(rltools: Any, agent: Path) -> None:
    (agent / "agent.yaml").write_text('"a\\e[31m\\nb": 1\nname: "x\\e[31m"\nreturns: "\\e[31m"\n')
    ran = rltools("inspect", "mine")
    assert ran.code == 1
    assert not OBEYED.search(ran.err)
    assert r"a\x1b[31m\nb: unknown key" in ran.err
    (agent / "agent.yaml").write_bytes(b"name: [\x1b[31m")
    assert not OBEYED.search(rltools("inspect", "mine").fault)


@pytest.mark.parametrize("name", ["no\x1b[31mthing", "no\rthing.zip", "\u202eno", "a/b\x1b]0;t\a/c"])
def test_arguments_come_back_as_text(rltools: Any, name: str) -> None:
    for arguments in (
        ("record", name),
        ("inspect", name),
        ("list", name),
        ("plot", name, name),
        ("run", name),
        (name,),
    ):
        ran = rltools(*arguments)
        assert ran.code
        assert not OBEYED.search(ran.fault), ran.err


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        (
            ("record", "cartpole-ppo", "--episodes", f"{10**40}"),
            "episodes is a number of 41 digits; it must be at most",
        ),
        (("record", "cartpole-ppo", "--episodes", "1e40"), "Invalid value for '--episodes'"),
        (("record", "cartpole-ppo", "--seed", f"{10**40}"), "seed is a number of 41 digits; it must be at most"),
        (("analyze", "cartpole-ppo", "--episodes", f"{10**40}"), "episodes is a number of 41 digits"),
        (("analyze", "cartpole-ppo", "--references", f"{10**9}"), "1,000,000,000; it must be at most 100,000"),
        (
            ("explain", "short", "cartpole-ppo", "--method", "shapley", "--references", f"{10**9}"),
            "1,000,000,000; it must be at most 100,000",
        ),
        (
            ("explain", "short", "cartpole-ppo", "--method", "expected_gradients", "--set", f"samples={10**12}"),
            "samples of expected_gradients is 1,000,000,000,000; it must be at most 100,000",
        ),
        (
            ("explain", "short", "cartpole-ppo", "--method", "expected_gradients", "--set", f"samples={'9' * 5000}"),
            "samples",
        ),
        (
            ("explain", "short", "cartpole-ppo", "--method", "expected_gradients", "--set", f"samples={'[' * 5000}"),
            "samples",
        ),
        (("explain", "short", "cartpole-ppo", "--window", f"{10**12}"), "window is 1,000,000,000,000"),
        (
            ("explain", "short", "cartpole-ppo", "--target", " & ".join(["value"] * 3000)),
            "up to 100 are explained together",
        ),
        (("explain", "short", "cartpole-ppo", "--every", f"{10**40}"), "every is a number of 41 digits"),
        (("run", "cartpole", f"episodes={10**40}"), "episodes: must be at most 1,000,000"),
        (("run", "cartpole", "episodes=1e40"), "episodes: must be a whole number"),
        (("record", "a" * 5000), "'" + "a" * 100 + "' cannot be a name in agents/"),
        (("inspect", "a/" * 5000), "it does not exist"),
    ],
)
def test_a_number_or_a_text_without_end_is_refused(
    rltools: Any, request: pytest.FixtureRequest, arguments: tuple[str, ...], limit: str
) -> None:
    if arguments[1] == "short":
        request.getfixturevalue("short")
    ran = rltools(*arguments)
    assert ran.code
    assert limit in ran.fault
    assert len(ran.fault) < 2000
