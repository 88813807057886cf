"""How far long work is: lines in a log, a bar on a terminal."""

from __future__ import annotations

import io
import itertools
import sys
import unicodedata

import pytest

from rltools._util import progress
from rltools._util.progress import progress_bar, say, stage


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
    assert lines[:5] == [
        "explain shapley: 400 steps",
        "explain shapley: 2.5% after 10 s, about 6 min left",
        "explain shapley: 6.2% after 25 s, about 6 min left",
        "explain shapley: 12.5% after 50 s, about 6 min left",
        "explain shapley: 18.8% after 75 s, about 5 min left",
    ]
    assert len(lines) == 2 + 400 // 25, "the first line, one after 10 s, each 25 s before the end, and the last"
    assert lines[-2:] == ["explain shapley: 93.8% after 6 min, about 25 s left", "explain shapley: done in 7 min"]


def test_a_log_has_a_line_every_half_a_minute_however_long_a_step_takes(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    log = progress._Log("explain shapley", 3)
    log.advance(1)
    printed = []
    for _ in range(300):
        clock[0] += 1
        log.tick()  # a thread calls it every second
        printed += [clock[0]] * len(capsys.readouterr().err.splitlines())
    assert printed[:3] == [10, 25, 50]
    assert max(second - first for first, second in itertools.pairwise([0, *printed, 300])) <= 30


def test_a_stage_that_nobody_counts_says_that_it_goes_on_unless_work_inside_it_does(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    clock[0] = 1000.0
    outer, inner = progress._Log("write the replays", 0), progress._Log("draw", 10_000)
    for _ in range(100):
        clock[0] += 1
        outer.tick()
        inner.advance(1)
    assert not [line for line in capsys.readouterr().err.splitlines() if line.startswith("write")]
    for _ in range(65):
        clock[0] += 1
        outer.tick()
    outer.close()
    assert capsys.readouterr().err.splitlines() == [
        "write the replays: 2 min so far",
        "write the replays: 3 min so far",
        "write the replays: done in 3 min",
    ]


def test_a_short_stage_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for show in (True, False):
        with stage("load", show=show):
            pass
    assert capsys.readouterr().err == ""


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
