"""What is shown while an experiment runs: a table on a terminal, lines in a log."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from rltools._util import progress
from rltools._util.console import as_text
from rltools.experiments import _fitting_workers, _live
from rltools.experiments._fitting_workers import fitting_workers
from rltools.experiments._live import Progress, following, table
from rltools.experiments._run_experiment import prepare
from rltools.experiments.cells import Job, cells_of
from rltools.experiments.claims import CellState, read_states, take

FILE = "{description: Poles, agents: [cartpole-ppo], methods: [gradient, shapley], episodes: 2, seeds: [0, 1]}"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poles.yaml").write_text(FILE)
    return prepare("poles.yaml", ["controls=false"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(_live, "clock", lambda: now[0])
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def states(job: Job) -> dict[str, CellState]:
    return read_states(job.board, [cell.id for cell in cells_of(job)])


def begin(job: Job, cell: str, *, host: str = "") -> Any:
    claim = take(job.board, states(job)[cell])
    assert claim is not None
    if host:
        path = job.board / f"{cell}.0001.claim"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"host": host}))
    return claim


def drawn(job_progress: Progress, width: int = 80) -> list[str]:
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table("run poles", job_progress))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_row_for_each_cell_that_is_worked_on(job: Job, clock: list[float]) -> None:
    seen = Progress(job, {cell.id: cell for cell in cells_of(job)})
    seen.update(states(job))
    assert drawn(seen) == ["run poles: 0 of 9 cells done"]
    first, second = begin(job, "cartpole-ppo-seed-0.record"), begin(job, "cartpole-ppo-seed-1.record", host="node7")
    seen.update(states(job))
    clock[0] = 130.0
    here = f"process {os.getpid()}"
    lines = [re.sub(" {2,}", "  ", line.strip()) for line in drawn(seen)]
    assert lines[0] == "run poles: 0 of 9 cells done, 2 running"
    assert lines[1:] == [
        f"cartpole-ppo, seed 0  record  2 min  {here}",
        f"cartpole-ppo, seed 1  record  2 min  node7, {here}"[: len(lines[2])],
    ]
    assert max(map(len, drawn(seen))) <= 80
    assert max(map(len, drawn(seen, 40))) <= 40
    first.done({"seconds": 100.0})
    second.failed("Traceback\nSimulationError: the motor broke\n")
    begin(job, "cartpole-ppo-seed-0.explain-1-gradient")
    seen.update(states(job))
    assert seen.summary() == "1 of 9 cells done, 1 failed, 1 running", "nobody knows yet how long explaining takes"
    assert "cartpole-ppo, seed 0  explain gradient  1 s" in " ".join(drawn(seen)[1].split("   "))


def test_the_rest_takes_as_long_as_what_was_done(job: Job, clock: list[float]) -> None:
    for cell in cells_of(job):
        if cell.kind in ("record", "explain", "report") and cell.run is not None and cell.run.seed == 0:
            begin(job, cell.id).done({"seconds": {"record": 10.0, "explain": 60.0, "report": 5.0}[cell.kind]})
    seen = Progress(job, {cell.id: cell for cell in cells_of(job)})
    begin(job, "cartpole-ppo-seed-1.record").done({"seconds": 30.0})
    for method in ("1-gradient", "2-shapley"):
        begin(job, f"cartpole-ppo-seed-1.explain-{method}")
    seen.update(states(job))
    assert seen.summary() == "5 of 9 cells done, 2 running, about 62 s left, then the page", "of 60 + 60 + 5 s, by two"
    clock[0] = 50.0
    assert seen.summary() == "5 of 9 cells done, 2 running, about 12 s left, then the page"
    clock[0] = 500.0
    assert seen.summary() == "5 of 9 cells done, 2 running, about 2 s left, then the page"
    for cell in cells_of(job):
        if cell.kind == "report" and cell.run is not None and cell.run.seed == 1:
            begin(job, cell.id)
    seen.update(states(job))
    clock[0] = 1000.0
    assert seen.summary() == "5 of 9 cells done, 3 running", "all of it takes longer than it should"


def test_a_log_has_lines_and_names_what_fails(job: Job, clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with following(job, show=True) as follow:
        follow(states(job))
        claim = begin(job, "cartpole-ppo-seed-0.record")
        follow(states(job))
        claim.failed("Traceback\nSimulationError: the \x1b[31mmotor\x1b[0m broke\n\n")
        for _ in range(2):
            follow(states(job))
        clock[0] = 20.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "run poles: 9 cells"
    failed = as_text("failed: cartpole-ppo-seed-0.record: SimulationError: the \x1b[31mmotor\x1b[0m broke")
    assert [line for line in lines if line.startswith("failed")] == [failed]
    assert lines[-1] == "run poles: 0 of 9 cells done, 1 failed in 20 s"
    with following(job, show=False) as follow:
        follow(states(job))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_a_table_that_disappears(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    begin(job, "cartpole-ppo-seed-0.record")
    with following(job, show=True) as follow:
        follow(states(job))
    printed = sys.stderr.getvalue()
    assert "cartpole-ppo, seed 0" in printed
    assert "\x1b[2J" not in printed, "the screen is never cleared"
    assert printed.splitlines()[-1].endswith("run poles: 0 of 9 cells done, 1 running, in 1 s")


@pytest.mark.parametrize(
    ("change", "idle", "expected"),
    [
        ("reports=true", 8, 4),
        ("reports=true", 3, 3),
        ("reports=false", 8, 1),
        ("episodes=400", 64, 4),
        ("seeds=[0]", 8, 1),
        ("ablate={}", 64, 6),
    ],
)
def test_small_experiments_are_done_here(
    change: str, idle: int, expected: int, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fitting_workers, "idle_cores", lambda: idle)
    assert fitting_workers(prepare("poles.yaml", ["controls=false", change])) == expected
