"""Progress of long work on standard error: a bar on a terminal, and occasional lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic

from rltools._util import console
from rltools._util.console import as_text
from rltools._util.text import plural

FIRST_LINE = 10.0
"""Seconds after which a log gets the first line about the progress; shorter work has no other line than its first."""
EVERY = 25.0
"""A log gets a further line after each multiple of so many seconds, however long a single step takes.

So no half a minute passes without one, also if looking whether one is due takes a while.
"""
BEAT = 1.0
"""How often it is looked whether a line is due, in seconds, while nothing is done."""


@contextmanager
def progress_bar(
    description: str, total: float, *, show: bool, unit: str = "step"
) -> Iterator[Callable[[float], None]]:
    """Show progress; yields a function to call with the amount of work done since the last call.

    On a terminal or in a notebook it is a bar. Elsewhere, in a log, it is a line at the beginning, further ones after
    10 s and every 25 s, also while a single step takes longer than that, and one at the end of work that took at least
    10 s, without control characters.

    Args:
        description: of the work.
        total: amount of work, in units.
        show: False prints nothing.
        unit: what is counted, in the singular.
    """
    if not show or total <= 0:
        yield lambda done: None
    elif is_redrawable():
        with _bar(description, total) as advance:
            yield advance
    else:
        with _lines(description, total, unit) as advance:
            yield advance


def say(text: str, *, show: bool) -> None:
    """Print a line on standard error, if progress is shown."""
    if show:
        console.say(text, error=True)


def is_redrawable() -> bool:
    """Whether a bar can be redrawn in place on standard error."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.is_jupyter or (sys.stderr.isatty() and not console.is_dumb_terminal)


@contextmanager
def _bar(description: str, total: float) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f}%"),  # the first of 300 costly steps can take a minute
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(as_text(description), total=total)
        yield lambda done: bars.advance(task, done)


@contextmanager
def _lines(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    say(f"{description}: {plural(round(total), unit)}", show=True)
    with _log(description, total) as log:
        yield log.advance


@contextmanager
def state_lines(first: str, description: str, state: Callable[[], str]) -> Iterator[None]:
    """Log the state of work that reports its own progress: at the beginning, after 10 s, every 25 s and at the end.

    Args:
        first: the line at the beginning.
        description: of the work.
        state: what the further lines say.
    """
    say(first, show=True)
    with _log(description, float("inf"), state):
        yield


@contextmanager
def stage(description: str, *, show: bool) -> Iterator[None]:
    """Log work without countable progress: a line every 25 s says that it goes on, and the last how long it took.

    Args:
        description: of the work.
        show: False prints nothing.
    """
    if not show or is_redrawable():
        yield
        return
    with _log(description, 0):
        yield


@contextmanager
def _log(description: str, total: float, state: Callable[[], str] | None = None) -> Iterator[_Log]:
    log, ended = _Log(description, total, state), Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            log.tick()

    Thread(target=beat, name="rltools-progress", daemon=True).start()
    try:
        yield log
    finally:
        ended.set()
    log.close()


class _Log:
    """The lines of a log; `total` is 0 for work without countable progress, and `state` may report it in words."""

    printed = 0.0
    """When any log has printed its last line."""

    def __init__(self, description: str, total: float, state: Callable[[], str] | None = None) -> None:
        self._own_state = state
        self._description, self._total, self._done = description, total, 0.0
        self._start, self._next = monotonic(), FIRST_LINE
        self._lock = Lock()

    def advance(self, more: float) -> None:
        """Count work that is done, and print a line if one is due."""
        with self._lock:
            self._done += more
        self.tick()

    def tick(self) -> None:
        """Print a line if one is due."""
        with self._lock:
            now = monotonic()
            passed = now - self._start
            if self._total and (passed < self._next or self._done >= self._total):
                return
            if not self._total and now - max(self._start, _Log.printed) <= EVERY:  # work inside it may print lines
                return
            self._next = EVERY * (passed // EVERY + 1)
            _Log.printed = now
            say(f"{self._description}: {self._state(passed)}", show=True)

    def _state(self, passed: float) -> str:
        if self._own_state is not None:
            return f"{self._own_state()} after {duration(passed)}"
        if not self._total:
            return f"{duration(passed)} so far"
        left = self._total - self._done
        rest = f", about {duration(passed * left / self._done)} left" if self._done > 0 else ""
        return f"{self._done / self._total:.1%} after {duration(passed)}{rest}"

    def close(self) -> None:
        """Print how long the work took, if that was long."""
        passed = monotonic() - self._start
        if passed >= (FIRST_LINE if self._total else EVERY):
            end = "done" if self._own_state is None else self._own_state()
            say(f"{self._description}: {end} in {duration(passed)}", show=True)


def duration(seconds: float) -> str:
    """A duration in a readable unit.

    >>> duration(0.4), duration(8.2), duration(100), duration(4000), duration(200_000)
    ('1 s', '8 s', '100 s', '67 min', '56 h')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"
