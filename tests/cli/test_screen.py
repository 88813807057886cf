"""What commands print fits: 80 columns in a pipe, tables within their columns, codes only where they are shown."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from rltools.cli import screen
from rltools.cli.commands.list import KINDS, listing
from rltools.pages.answer import Bar


class Terminal(io.StringIO):
    """Standard output of somebody who looks."""

    def isatty(self) -> bool:
        return True


def look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard output be a terminal from now on."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_tables_of_80_columns(kind: str) -> None:
    lines = listing(kind).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == kind
    names = [line for line in lines[1:] if not line.startswith(" " * 6)]
    assert names, "every entry has its name in the first column"


def test_a_name_or_a_description_of_any_length_stays_in_its_column() -> None:
    rows = [("n" * 200, "d" * 300), ("short", "some words " * 30)]
    for width in (40, 80, 120):
        assert max(map(len, screen.grid(rows, width))) <= width


def test_bars_are_as_long_as_their_numbers() -> None:
    first, second, third = screen.bars([Bar("a", 1.0, "4"), Bar("b" * 90, 0.5, "2"), Bar("c", 0.0, "−1")], 80)
    assert first.count("█") == 2 * second.count("█") == screen.BAR_CELLS
    assert third.count("█") == 0
    assert "…" in second
    assert max(map(len, (first, second, third))) <= 80


def test_a_number_stays_beside_its_interval() -> None:
    text = "It makes up a large part, as is seen here: 34 % [30, 37] of it, then 441 ± 71 and 1.5 [1.2, 1.8] of all."
    for width in range(40, 80):
        joined = "\n".join(screen.wrapped(text, width=width))
        assert all(part in joined for part in ("34 % [30, 37]", "441 ± 71", "1.5 [1.2, 1.8]"))


def test_codes_reach_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch)
    page = Path("/runs/my run/index.html")
    assert screen.bold(["line"]) == ["\x1b[1mline\x1b[0m"]
    assert screen.link(page) == "\x1b]8;;file:///runs/my%20run/index.html\x1b\\/runs/my run/index.html\x1b]8;;\x1b\\"
    monkeypatch.setenv("TERM", "dumb")
    assert (screen.bold(["line"]), screen.link(page)) == (["line"], str(page))
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    assert (screen.bold(["line"]), screen.link(page)) == (["line"], str(page))
    assert screen.columns() == 80


def test_names_cannot_forge_links(monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch)
    hostile = Path("/runs/\x1b]8;;http:evil\x1b\\x")
    assert "\x1b]8;;http" not in screen.link(hostile)
    assert "\x1b" not in "".join(screen.wrapped("\x1b[2J", width=80) + screen.grid([("\x1b[2J", "\x1b[2J")], 80))


def test_errors_are_wrapped_on_a_terminal_and_words_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "there are " + ", ".join(f"name_number_{number}" for number in range(13))
    assert len(screen.wrapped_error(message)) == 1, "in a pipe it is one line"
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    lines = screen.wrapped_error(f"rltools: no such plot; {message}")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()).endswith("name_number_12")
    assert screen.wrapped_error("3 faults:\n  a: one\n  b: two") == ["3 faults:", "  a: one", "  b: two"]


@pytest.mark.parametrize(
    "command",
    ["", "ablate", "analyze", "assess", "explain", "export", "inspect", "list", "plot", "record", "replay", "run"],
)
def test_help_fits_and_nothing_in_it_is_cut(rltools: Any, command: str) -> None:
    out = rltools(*command.split(), "--help").out
    assert max(map(len, out.splitlines())) <= 80
    assert not re.search(r"…", out)
