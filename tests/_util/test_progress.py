"""How far long work is: lines in a log, a bar on a terminal."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from rltools._util import progress
from rltools._util.progress import progress_bar, say


class Terminal(io.StringIO):
    """Standard error of somebody who looks."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress goes by, as its only entry."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_at_the_start_and_then_seldom(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("explain shapley", 400, show=True) as advance:
        for _ in range(400):
            clock[0] += 1
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "explain shapley: 400 steps",
        "explain shapley: 2.5% after 10 s, about 6 min left",
        "explain shapley: 7.5% after 30 s, about 6 min left",
        "explain shapley: 15.0% after 60 s, about 6 min left",
        "explain shapley: 30.0% after 2 min, about 5 min left",
        "explain shapley: 45.0% after 3 min, about 4 min left",
        "explain shapley: 60.0% after 4 min, about 3 min left",
        "explain shapley: 75.0% after 5 min, about 100 s left",
        "explain shapley: 90.0% after 6 min, about 40 s left",
        "explain shapley: done in 7 min",
    ]


def test_short_work_and_pauses_do_not_fill_a_log(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("record", 1, show=True, unit="episode") as advance:
        clock[0] += 9
        advance(1)
    with progress_bar("record", 3, show=True, unit="episode") as advance:
        clock[0] += 500
        advance(0)  # nothing is done yet, and how long it takes cannot be said
        clock[0] += 10
        advance(1)
        clock[0] += 100
        advance(1)
        advance(1)
    assert capsys.readouterr().err.splitlines() == [
        "record: 1 episode",
        "record: 3 episodes",
        "record: 0.0% after 8 min",
        "record: 66.7% after 10 min, about 5 min left",
        "record: done in 10 min",
    ]


def test_nothing_is_shown_where_nobody_asked_or_nothing_is_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    for total, printed in ((5, False), (0, True)):
        with progress_bar("work", total, show=printed) as advance:
            advance(1)
    say("a word", show=False)
    assert capsys.readouterr().err == ""


def test_names_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("record \x1b[31m\x07 [red]name[/red]", 1, show=True) as advance:
        advance(1)
    say("a\nb\udc80", show=True)
    message = capsys.readouterr().err
    assert message == "record \\x1b[31m\\x07 [red]name[/red]: 1 step\na\\nb\\udc80\n"
    assert not [letter for letter in message if unicodedata.category(letter) == "Cc" and letter != "\n"]


def test_on_a_terminal_it_is_a_bar_that_also_shows_parts_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Terminal()
    monkeypatch.setattr(sys, "stderr", calls)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("explain [1] \x1b[31m", 300, show=True) as advance:
        advance(0.6)
    assert "0.2%" in calls.getvalue()
    assert "0/300" in calls.getvalue()
    assert "explain [1] \\x1b[31m" in calls.getvalue()


def test_a_dumb_terminal_has_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Terminal()
    monkeypatch.setattr(sys, "stderr", calls)
    monkeypatch.setenv("TERM", "dumb")
    with progress_bar("record", 2, show=True) as advance:
        advance(2)
    assert calls.getvalue() == "record: 2 steps\n"
