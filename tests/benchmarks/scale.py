"""How far the claims of an experiment's cells scale: `python tests/benchmarks/scale.py [OUT.csv]`, some minutes.

A simulation in virtual time of the protocol of `rltools/experiments/claims.py`: workers list the folder, create a claim
exclusively, touch it every ten seconds, and write that a cell is done. All that goes through one file server, which
serves one request after the other; its times are those of the table `SERVERS`, of which the first was measured here by
`measured_server`. Durations of cells are drawn from a log-normal distribution with the spread of recorded ones.
"""

from __future__ import annotations

import csv
import heapq
import itertools
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rltools.experiments._work import POLL
from rltools.experiments.claims import BEAT, STALE

CELLS_PER_RUN = 8
"""A recording, five attributions of it, an ablation of it, and a page of all that."""
SPREAD = 0.8
"""The standard deviation of the logarithm of a cell's duration, as recorded from experiments/faithfulness.yaml."""
RESTART = 60.0
"""Seconds until a worker that was killed is there again."""
FREE, RUNNING, DONE = 0, 1, 2


@dataclass(frozen=True)
class Server:
    """What a file server takes for a request, in seconds.

    Attributes:
        name: of the kind of server.
        create: to create a file, or to touch one.
        entry: to list one entry of a folder.
        latency: of the network, which does not keep others waiting.
    """

    name: str
    create: float
    entry: float
    latency: float


SERVERS = (
    Server("local disk", 0.0004, 0.000003, 0.0),
    Server("NFS", 0.002, 0.00001, 0.001),
    Server("slow NFS", 0.01, 0.00005, 0.005),
)


def measured_server(entries: int = 20_000) -> Server:
    """The times of this machine's disk."""
    with tempfile.TemporaryDirectory() as name:
        folder, begun = Path(name), time.perf_counter()
        for number in range(entries // 10):
            descriptor = os.open(folder / f"run.explain-{number}.0001.claim", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(descriptor, b"{}")
            os.fsync(descriptor)
            os.close(descriptor)
        create = (time.perf_counter() - begun) / (entries // 10)
        for number in range(entries // 10, entries):
            (folder / f"run.explain-{number}.0001.claim").touch()
        begun = time.perf_counter()
        with os.scandir(folder) as listing:
            for entry in listing:
                entry.stat()
        return Server("this disk", create, (time.perf_counter() - begun) / entries, 0.0)


@dataclass
class Outcome:
    """What a simulation says: how busy workers were, and what the protocol cost."""

    makespan: float = 0.0
    busy: float = 0.0
    conflicts: int = 0
    lost: int = 0
    requests: int = 0
    serving: float = 0.0


def simulate(cells: int, workers: int, mean: float, failing: float, server: Server, seed: int = 0) -> Outcome:
    """Simulate an experiment.

    Args:
        cells: how many.
        workers: how many work at the same time.
        mean: the mean duration of a cell, in seconds.
        failing: the probability that a worker is killed while it does a cell.
        server: of the files.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)
    durations = draw.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD, cells)
    position = np.arange(cells) % CELLS_PER_RUN
    status, attempt = np.zeros(cells, np.int8), np.zeros(cells, np.int64)
    touched = np.zeros(cells)  # when a running cell was touched last; far ahead while its worker lives
    outcome, free_at, order = Outcome(), 0.0, itertools.count()
    files = 0
    events = [(0.0, next(order), "look", worker, -1) for worker in range(workers)]
    beats = workers * server.create / BEAT  # the part of the server's time that touches take

    def request(now: float, seconds: float) -> float:
        nonlocal free_at
        begun = max(now + server.latency, free_at)
        free_at = begun + seconds / max(0.05, 1 - beats)
        outcome.requests += 1
        outcome.serving += seconds
        return free_at + server.latency

    def ready(now: float) -> np.ndarray:
        done = status == DONE
        first = np.repeat(done[::CELLS_PER_RUN], CELLS_PER_RUN)[:cells]
        inner = np.add.reduceat(done, np.arange(0, cells, CELLS_PER_RUN))
        last = np.repeat(inner >= CELLS_PER_RUN - 1, CELLS_PER_RUN)[:cells]
        may = np.where(position == 0, True, np.where(position == CELLS_PER_RUN - 1, last, first))
        stale = (status == RUNNING) & (now > touched + STALE)
        return may & ((status == FREE) | stale)

    plans: dict[int, tuple[np.ndarray, np.ndarray, list[int]]] = {}  # what each worker saw, and what it still tries

    def push(time: float, kind: str, worker: int, cell: int = -1) -> None:
        heapq.heappush(events, (time, next(order), kind, worker, cell))

    while events:
        now, _, kind, worker, cell = heapq.heappop(events)
        if kind == "look":
            if not (status == DONE).all():
                push(request(now, files * server.entry), "listed", worker)
        elif kind == "listed":
            candidates = np.flatnonzero(ready(now))
            tries = [0, *(1 + draw.permutation(len(candidates) - 1))] if len(candidates) else []
            plans[worker] = (candidates, attempt[candidates].copy(), tries)
            push(request(now, server.create) if tries else now + POLL, "create" if tries else "look", worker)
        elif kind == "create":
            candidates, seen, tries = plans[worker]
            index = tries.pop(0)
            taken = int(candidates[index])
            if attempt[taken] != seen[index]:
                outcome.conflicts += 1
                push(request(now, server.create) if tries else now + POLL, "create" if tries else "look", worker)
                continue
            files += 1
            status[taken], attempt[taken], touched[taken] = RUNNING, attempt[taken] + 1, np.inf
            if draw.random() < failing:
                push(now + draw.random() * durations[taken], "die", worker, taken)
            else:
                outcome.busy += durations[taken]
                push(now + durations[taken], "end", worker, taken)
        elif kind == "die":
            outcome.lost += 1
            touched[cell] = now
            push(now + RESTART, "look", worker)
        elif kind == "end":
            push(request(now, server.create), "done", worker, cell)
        else:
            files += 1
            status[cell] = DONE
            outcome.makespan = max(outcome.makespan, now)
            push(now, "look", worker)
    return outcome


def main() -> None:
    """Simulate what the documentation shows."""
    server = measured_server()
    print(f"this disk: {1e3 * server.create:.2f} ms to create a claim, {1e6 * server.entry:.1f} us to list an entry")
    rows = []
    for server in SERVERS:
        for workers, mean in itertools.product((10, 100, 500, 1000), (10, 60)):
            result = simulate(10_000, workers, mean, 0.02, server)
            rows.append(
                {
                    "server": server.name,
                    "workers": workers,
                    "seconds per cell": mean,
                    "hours": round(result.makespan / 3600, 2),
                    "workers busy": round(result.busy / (workers * result.makespan), 3),
                    "conflicts per cell": round(result.conflicts / 10_000, 2),
                    "requests per cell": round(result.requests / 10_000, 1),
                    "server busy": round(result.serving / result.makespan, 3),
                    "killed": result.lost,
                }
            )
            print(rows[-1], flush=True)
    if len(sys.argv) > 1:
        with Path(sys.argv[1]).open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
