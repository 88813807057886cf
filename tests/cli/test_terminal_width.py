"""What commands print fits a terminal of 80 columns; addresses and commands stay whole, to be clicked or copied."""

from __future__ import annotations

import re
from typing import Any

import pytest

COMMANDS = ("analyze", "record", "ablate", "explain", "assess", "run", "plot", "replay", "export", "list", "inspect")
KINDS = ("agents", "envs", "experiments", "methods", "metrics", "plots", "replacements")


def too_wide(printed: str) -> list[str]:
    """Lines of more than 80 columns that could be broken: those without a path or command that alone is long."""
    return [
        line
        for line in printed.splitlines()
        if len(line) > 80 and not any(len(word) > 40 for word in line.split()) and "rltools " not in line
    ]


@pytest.mark.parametrize("arguments", [("--help",), ("list",), *(("list", kind) for kind in KINDS)], ids=" ".join)
def test_lists_fit(rltools: Any, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = rltools(*arguments)
    assert ran.code == 0
    assert too_wide(ran.out) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_and_is_whole(rltools: Any, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = rltools(command, "--help")
    assert [line for line in ran.out.splitlines() if len(line) > 80] == []
    assert "…" not in ran.out
    assert not re.search(r"<(bool|str|int|float|path|list)\b", ran.out)  # types, where a user looks for what to type
    assert re.search(r"--help +Show", ran.out)


def test_what_is_printed_of_a_run_fits(rltools: Any, short: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("inspect", "cartpole-ppo"), ("inspect", "short"), ("assess", "short", "cartpole-ppo")):
        ran = rltools(*arguments)
        assert ran.code == 0, ran.err
        assert too_wide(ran.out) == [], arguments
