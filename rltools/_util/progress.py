"""Progress of long work on standard error: a bar on a terminal, and lines now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rltools._util import console
from rltools._util.console import as_text

FIRST_LINES = (10.0, 30.0, 60.0)
"""Seconds after which a log has a line on how far the work is; then every minute."""


@contextmanager
def progress_bar(
    description: str, total: float, *, shown: bool, unit: str = "step"
) -> Iterator[Callable[[float], None]]:
    """Show progress; yields what to call with how much was done since the last call.

    On a terminal or in a notebook it is a bar. Elsewhere, in a log, it is a line when the work begins, further ones
    after 10 s, 30 s and each minute, and one at the end of work that took so long, without control characters.

    Args:
        description: of the work.
        total: how much there is to do, in units.
        shown: False for nothing at all.
        unit: what is counted, in the singular.
    """
    if not shown or total <= 0:
        yield lambda done: None
    elif drawn_over():
        with _bar(description, total) as advance:
            yield advance
    else:
        with _lines(description, total, unit) as advance:
            yield advance


def say(text: str, *, shown: bool) -> None:
    """A line on standard error beside the progress, if that is shown."""
    if shown:
        console.say(text, error=True)


def drawn_over() -> bool:
    """Whether a bar can be drawn again and again in the same place."""
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
        TextColumn("{task.percentage:>5.1f}%"),  # of 300 costly steps the first one can take a minute
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(as_text(description), total=total)
        yield lambda done: bars.advance(task, done)


@contextmanager
def _lines(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    begun, done = monotonic(), 0.0
    due = iter(FIRST_LINES)
    following = next(due)
    say(f"{description}: {total:,.0f} {unit}{'' if total == 1 else 's'}", shown=True)

    def advance(more: float) -> None:
        nonlocal done, following
        done += more
        passed = monotonic() - begun
        if passed < following or done >= total:
            return
        left = f", about {duration(passed * (total - done) / done)} left" if done > 0 else ""
        say(f"{description}: {done / total:.1%} after {duration(passed)}{left}", shown=True)
        while following <= passed:
            following = next(due, following + 60)

    yield advance
    if (passed := monotonic() - begun) >= FIRST_LINES[0]:
        say(f"{description}: done in {duration(passed)}", shown=True)


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(0.4), duration(8.2), duration(100), duration(4000), duration(200_000)
    ('1 s', '8 s', '100 s', '67 min', '56 h')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"
