"""Shows the progress of a running experiment: a table on a terminal, occasional lines in a log."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from time import monotonic as clock
from typing import Any

from rltools._util.console import as_text
from rltools._util.progress import duration, is_redrawable, say, state_lines
from rltools._util.text import plural
from rltools.experiments._status import last_line
from rltools.experiments.cells import Cell, Job, cells_of
from rltools.experiments.claims import CellState, log_of, owner_of, read_states, result_of

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
    """The progress of a running experiment, as far as this process has seen it.

    Attributes:
        job: the experiment.
        cells: all its cells, by id.
        states: as last read.
        begun: when each attempt was first seen, by this process's own clock.
        places: by which process each attempt is made, and on which machine if it is another one.
        seconds: how long cells took, by what they do.
        failed: the attempts whose failure was named.
    """

    job: Job
    cells: Mapping[str, Cell]
    states: Mapping[str, CellState] = field(default_factory=dict)
    begun: dict[tuple[str, int], float] = field(default_factory=dict)
    places: dict[tuple[str, int], str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: set[tuple[str, int]] = field(default_factory=set)

    def update(self, states: Mapping[str, CellState]) -> None:
        """Update the states, and print which cells have failed since the last call."""
        is_first, before = not self.states, self.states
        for name, state in states.items():
            key = (name, state.attempt)
            if state.status == "running" and key not in self.begun:
                owner = owner_of(self.job.board, state)
                here = owner.host == socket.gethostname()
                self.begun[key], self.places[key] = clock(), f"{'' if here else f'{owner.host}, '}process {owner.pid}"
            elif state.status == "done" and (is_first or before[name].status != "done"):
                took = result_of(self.job.board, state).get("seconds")
                if isinstance(took, float):
                    self.seconds.setdefault(work_of(self.cells[name]), []).append(took)
            elif state.status == "failed" and key not in self.failed:
                self.failed.add(key)
                if not is_first:
                    say(f"failed: {name}: {last_line(log_of(self.job.board, state))}", show=True)
        self.states = dict(states)

    def running(self) -> list[CellState]:
        """The cells that are being worked on, the longest first."""
        running = [state for state in self.states.values() if state.status == "running"]
        return sorted(running, key=lambda state: self.begun[state.cell, state.attempt])

    def summary(self) -> str:
        """How many cells are done, have failed and are being worked on, and about how long the others take.

        Nothing is said of what is left once it takes longer than it should have.
        """
        count = Counter(state.status for state in self.states.values())
        others = [f"{count[name]} {name}" for name in ("failed", "running") if count[name]]
        left = self.seconds_left()
        page = any(cell.kind == "page" and self.states[name].status == "free" for name, cell in self.cells.items())
        rest = []
        if count["running"] and left is not None and left >= 1:
            rest = [f"about {duration(left)} left{', then the page' if page else ''}"]
        return ", ".join([f"{count['done']} of {plural(len(self.cells), 'cell')} done", *others, *rest])

    def seconds_left(self) -> float | None:
        """About how long the rest takes, from the mean of cells that did the same; None before each was done once.

        The last page, of which there is only one, is not counted.
        """
        means = {work: fmean(seconds) for work, seconds in self.seconds.items()}
        left = 0.0
        for name, cell in self.cells.items():
            state, work = self.states[name], work_of(cell)
            if state.status in ("done", "failed") or cell.kind == "page":
                continue
            if work not in means:
                return None
            left += max(0.0, means[work] - self.age(state)) if state.status == "running" else means[work]
        return left / max(1, len(self.running()))

    def age(self, state: CellState) -> float:
        """For how many seconds a running cell has been worked on, as far as this process has seen."""
        return clock() - self.begun[state.cell, state.attempt]


def work_of(cell: Cell) -> str:
    """What a cell does: its kind, and of an attribution its method."""
    return cell.kind if cell.explanation is None else f"{cell.kind} {cell.explanation.choice.name}"


def table(name: str, progress: Progress) -> Any:
    """A table of the running cells: agent and seed, kind, duration and process; above it the total progress."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=4)
    rows.add_column(no_wrap=True, justify="right", min_width=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=3)
    running = progress.running()
    for state in running[:MOST_ROWS]:
        cell, place = progress.cells[state.cell], progress.places[state.cell, state.attempt]
        of_run = "all" if cell.run is None else f"{cell.run.label}, seed {cell.run.seed}"
        texts = (f"  {of_run}", work_of(cell), duration(progress.age(state)), place)
        rows.add_row(*(Text(as_text(text)) for text in texts))
    if len(running) > MOST_ROWS:
        rows.add_row(Text(f"  and {len(running) - MOST_ROWS} more"))
    return Group(Text(f"{name}: {progress.summary()}", style="bold", no_wrap=True, overflow="ellipsis"), rows)
