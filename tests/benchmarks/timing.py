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
    """Seconds per call of each case: the median over rounds, after one round to warm up.

    Seconds of the processor, because other programs interrupt a long turn more often than a short one. A case that
    waits for something, such as other threads, needs `perf_counter`.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(rounds + 1):
        for name, call in cases.items():
            start = clock()
            for _ in range(calls):
                call()
            if round_:
                times[name].append((clock() - start) / calls)
    return {name: median(seconds) for name, seconds in times.items()}
