"""How far an experiment is while it runs: a table on a terminal, a line now and then in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from time import monotonic as clock
from typing import Any

from rltools._util.console import as_text
from rltools._util.progress import duration, is_redrawable, say, state_lines
from rltools._util.text import plural
from rltools.experiments.cells import Cell, Job, cells_of
from rltools.experiments.claims import CellState, Owner, log_of, owner_of, read_states, result_of, this_process

Follow = Callable[[Mapping[str, CellState]], None]
MOST_ROWS = 16
"""The most running cells that a table has; the longest first."""
A_SECOND = 2.0
"""How often a table is drawn."""


@contextmanager
def following(job: Job, *, show: bool) -> Iterator[Follow]:
    """Show how many cells are done and what is being worked on; yields a function to call with their states.

    On a terminal it is a table that is drawn in place and disappears at the end. In a log it is a line at the
    beginning, after 10 s and every 25 s. A cell that fails is named at once, and the last line says how long all took.

    Args:
        job: the experiment.
        show: False shows nothing.
    """
    if not show:
        yield lambda states: None
        return
    progress = Progress(job, {cell.id: cell for cell in cells_of(job)})
    progress.update(read_states(job.board, list(progress.cells)))
    begun, name = clock(), f"run {as_text(job.folder.name)}"
    if not is_redrawable():
        with state_lines(f"{name}: {plural(len(progress.cells), 'cell')}", name, progress.summary):
            yield progress.update
        return
    from rich.console import Console
    from rich.live import Live

    with Live(
        console=Console(stderr=True),
        get_renderable=lambda: table(name, progress),
        refresh_per_second=A_SECOND,
        transient=True,
        vertical_overflow="crop",
    ):
        yield progress.update
    say(f"{name}: {progress.summary()}, in {duration(clock() - begun)}", show=True)


@dataclass
class Progress:
    """What is seen of an experiment while it runs.

    Attributes:
        job: the experiment.
        cells: all its cells, by id.
        states: as last read.
        begun: when each attempt was first seen, by this process's own clock.
        owners: who made each attempt.
        seconds: how long cells took, by what they do.
        failed: the attempts whose failure was named.
    """

    job: Job
    cells: Mapping[str, Cell]
    states: Mapping[str, CellState] = field(default_factory=dict)
    begun: dict[tuple[str, int], float] = field(default_factory=dict)
    owners: dict[tuple[str, int], Owner] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: set[tuple[str, int]] = field(default_factory=set)

    def update(self, states: Mapping[str, CellState]) -> None:
        """Take note of the states, and say which cells have failed since the last call."""
        is_first, before = not self.states, self.states
        for name, state in states.items():
            key = (name, state.attempt)
            if state.status == "running" and key not in self.begun:
                self.begun[key], self.owners[key] = clock(), owner_of(self.job.board, state)
            elif state.status == "done" and (is_first or before[name].status != "done"):
                took = result_of(self.job.board, state).get("seconds")
                if isinstance(took, float):
                    self.seconds.setdefault(work_of(self.cells[name]), []).append(took)
            elif state.status == "failed" and key not in self.failed:
                self.failed.add(key)
                if not is_first:
                    lines = [line.strip() for line in log_of(self.job.board, state).splitlines() if line.strip()]
                    say(f"failed: {name}: {lines[-1] if lines else 'without a word'}", show=True)
        self.states = dict(states)

    def running(self) -> list[CellState]:
        """The cells that are being worked on, the longest first."""
        running = [state for state in self.states.values() if state.status == "running"]
        return sorted(running, key=lambda state: self.begun[state.cell, state.attempt])

    def summary(self) -> str:
        """How many cells are done, have failed and are being worked on, and about how long the others take."""
        count = dict.fromkeys(("done", "failed", "running"), 0)
        for state in self.states.values():
            if state.status in count:
                count[state.status] += 1
        others = [f"{count[name]} {name}" for name in ("failed", "running") if count[name]]
        left = self.seconds_left()
        rest = [] if left is None or not count["running"] else [f"about {duration(left)} left"]
        return ", ".join([f"{count['done']} of {plural(len(self.cells), 'cell')} done", *others, *rest])

    def seconds_left(self) -> float | None:
        """About how long the rest takes, from the mean of cells that did the same; None before one is done."""
        if not self.seconds:
            return None
        means = {work: fmean(seconds) for work, seconds in self.seconds.items()}
        overall = fmean(means.values())
        left = 0.0
        for name, cell in self.cells.items():
            state = self.states[name]
            if state.status in ("free", "running"):
                mean = means.get(work_of(cell), overall)
                left += max(0.0, mean - self.age(state)) if state.status == "running" else mean
        return left / max(1, len(self.running()))

    def age(self, state: CellState) -> float:
        """For how many seconds a running cell has been worked on, as far as this process has seen."""
        return clock() - self.begun[state.cell, state.attempt]


def work_of(cell: Cell) -> str:
    """What a cell does: its kind, and of an attribution its method."""
    return cell.kind if cell.explanation is None else f"{cell.kind} {cell.explanation.choice.name}"


def table(name: str, progress: Progress) -> Any:
    """A table of what is being worked on: agent and seed, what, for how long, and where; above it how far all is."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=4)
    rows.add_column(no_wrap=True, justify="right", min_width=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=3)
    running, here = progress.running(), this_process()
    for state in running[:MOST_ROWS]:
        cell, owner = progress.cells[state.cell], progress.owners[state.cell, state.attempt]
        of_run = "all" if cell.run is None else f"{cell.run.label}, seed {cell.run.seed}"
        place = f"process {owner.pid}" if owner.machine == here.machine else f"{owner.host}, {owner.pid}"
        age = duration(progress.age(state))
        rows.add_row(*(Text(as_text(text)) for text in (f"  {of_run}", work_of(cell), age, place)))
    if len(running) > MOST_ROWS:
        rows.add_row(Text(f"  and {len(running) - MOST_ROWS} more"))
    return Group(Text(f"{name}: {progress.summary()}", style="bold", no_wrap=True, overflow="ellipsis"), rows)
