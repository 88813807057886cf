"""Median times of cases that take turns, so that a slow moment of the machine affects all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time


@dataclass(frozen=True)
class Row:
    """A line of the table: the label of the benchmark, its figure, and the bar that the figure must meet."""

    label: str
    figure: str
    bar: str


def medians(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    calls: int = 1,
    clock: Callable[[], float] = process_time,
) -> dict[str, float]:
    """Seconds per call of each case: the median over all calls, after one round to warm up.

    Cases take turns of several calls, so that each runs from warm caches, the shortest too. Each call is timed by
    itself and in seconds of the processor: on a busy machine the mean over a turn grows with its length, because other
    programs interrupt it and empty its caches. A case that waits, for other threads for instance, needs `perf_counter`.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    of_clock = median(-clock() + clock() for _ in range(101))
    for round_ in range(rounds + 1):
        for name, call in cases.items():
            for _ in range(calls):
                start = clock()
                call()
                end = clock()
                if round_:
                    times[name].append(end - start - of_clock)
    return {name: median(seconds) for name, seconds in times.items()}
