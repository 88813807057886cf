"""Progress of long work on standard error: a bar on a terminal, and occasional lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rltools._util import console
from rltools._util.console import as_text
from rltools._util.text import plural

FIRST_LINES = (10.0, 30.0, 60.0)
"""Seconds after which a log gets a line about the progress; then every minute."""


@contextmanager
def progress_bar(
    description: str, total: float, *, show: bool, unit: str = "step"
) -> Iterator[Callable[[float], None]]:
    """Show progress; yields a function to call with the amount of work done since the last call.

    On a terminal or in a notebook it is a bar. Elsewhere, in a log, it is a line at the beginning, further ones after
    10 s, 30 s and each minute, and one at the end of work that took at least 10 s, without control characters.

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
    start, done = monotonic(), 0.0
    due = iter(FIRST_LINES)
    next_line = next(due)
    say(f"{description}: {plural(round(total), unit)}", show=True)

    def advance(more: float) -> None:
        nonlocal done, next_line
        done += more
        passed = monotonic() - start
        if passed < next_line or done >= total:
            return
        left = f", about {duration(passed * (total - done) / done)} left" if done > 0 else ""
        say(f"{description}: {done / total:.1%} after {duration(passed)}{left}", show=True)
        while next_line <= passed:
            next_line = next(due, next_line + 60)

    yield advance
    if (passed := monotonic() - start) >= FIRST_LINES[0]:
        say(f"{description}: done in {duration(passed)}", show=True)


def duration(seconds: float) -> str:
    """A duration in a readable unit.

    >>> duration(0.4), duration(8.2), duration(100), duration(4000), duration(200_000)
    ('1 s', '8 s', '100 s', '67 min', '56 h')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"
