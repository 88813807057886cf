"""How far the claims of an experiment's cells scale: `python tests/benchmarks/scale.py [OUT.csv]`, some minutes.

A simulation in virtual time of the protocol of `rltools/experiments/claims.py` and `_work.py`: workers list the folder,
create a claim exclusively, touch it every ten seconds, and write that a cell is done. All that goes through one file
server, which serves one request after the other; its times are those of the table `SERVERS`, and `measured_server`
measures this machine's disk. Durations are those of `cells.csv`: four runs of experiments/faithfulness.yaml with its
six attributions, an ablation, an assessment and a page each, from 0.2 s to ten minutes.
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

from rltools.experiments._work import LISTING_SHARE, LONGEST_FRESH, MOST_MISSED, MOST_POLL, POLL
from rltools.experiments.claims import BEAT, STALE

RECORDED = Path(__file__).with_name("cells.csv")
PER_RUN = 10
"""The first cell of a run records, the last but one judges all before, the last writes the page of all that."""
RESTART = 60.0
"""Seconds until a worker that was killed is there again."""
FREE, RUNNING, DONE = 0, 1, 2
MOST_TRIES = 4
REMEMBERED = 100
"""The most cells of a listing that a worker tries; it lists again long before."""
MOST = 0.95
"""The part of all cells of which the time is said: the last ones wait for a single one of ten minutes."""


@dataclass(frozen=True)
class Server:
    """What a file server takes for a request, in seconds.

    Attributes:
        name: of the kind of server.
        create: to create a file.
        touch: to touch one, or to ask for its time.
        entry: to list one entry of a folder.
        latency: of the network, which does not keep others waiting.
    """

    name: str
    create: float
    touch: float
    entry: float
    latency: float


FREE_OF_COST = Server("none", 0.0, 0.0, 0.0, 0.0)
SERVERS = (
    Server("local disk", 0.0004, 0.000005, 0.000001, 0.0),
    Server("NFS", 0.002, 0.0002, 0.000003, 0.001),
    Server("slow NFS", 0.01, 0.001, 0.00002, 0.005),
)


def measured_server(entries: int = 20_000) -> Server:
    """The times of this machine's disk."""
    with tempfile.TemporaryDirectory() as name:
        folder, begun, claims = Path(name), time.perf_counter(), entries // 10
        for number in range(claims):
            descriptor = os.open(folder / f"run.explain-{number}.0001.claim", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(descriptor, b"{}")
            os.fsync(descriptor)
            os.close(descriptor)
        create = (time.perf_counter() - begun) / claims
        begun = time.perf_counter()
        for number in range(claims):
            os.utime(folder / f"run.explain-{number}.0001.claim")
        touch = (time.perf_counter() - begun) / claims
        for number in range(claims, entries):
            (folder / f"run.explain-{number}.0001.claim").touch()
        begun = time.perf_counter()
        with os.scandir(folder) as listing:
            count = sum(1 for _ in listing)
        return Server("this disk", create, touch, (time.perf_counter() - begun) / count, 0.0)


def recorded_durations() -> np.ndarray:
    """Seconds `[run, cell]`."""
    with RECORDED.open(newline="") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return np.reshape(seconds, (-1, PER_RUN))


@dataclass
class Outcome:
    """What a simulation says: how many seconds all cells took, and 95 % of them, and what the protocol cost."""

    makespan: float = 0.0
    most: float = 0.0
    missed: int = 0
    lost: int = 0
    listings: int = 0
    serving: float = 0.0


@dataclass
class Worker:
    """What a worker saw when it last listed the folder."""

    ready: list[int]
    attempts: np.ndarray
    fresh_until: float = 0.0
    missed: int = 0
    pause: float = POLL


def simulate(
    cells: int, workers: int, mean: float, failing: float, server: Server, *, seed: int = 0, relist: bool = False
) -> Outcome:
    """Simulate an experiment.

    Args:
        cells: how many.
        workers: how many work at the same time.
        mean: the mean duration of a cell, in seconds: recorded ones are scaled to it.
        failing: the probability that a worker is killed while it does a cell.
        server: of the files.
        seed: of the draws.
        relist: list the folder before every cell, as a simpler protocol would.
    """
    draw = np.random.default_rng(seed)
    recorded = recorded_durations()
    durations = recorded[draw.integers(0, len(recorded), cells // PER_RUN)].ravel() * mean / recorded.mean()
    kills, when_killed = draw.random((cells, MOST_TRIES)) < failing, draw.random(cells)
    position, ended = np.arange(cells) % PER_RUN, 0
    status, attempt = np.zeros(cells, np.int8), np.zeros(cells, np.int64)
    # How many of its run's cells a cell needs, and how many are done: it needs the first one, or all before it.
    needed, n_done = np.where(position >= PER_RUN - 2, position, np.minimum(position, 1)), np.zeros(cells, np.int64)
    touched = np.full(cells, np.inf)  # when a lost cell was touched last
    outcome, free_at, order, files = Outcome(), 0.0, itertools.count(), 0
    events = [(0.0, next(order), "look", worker, -1) for worker in range(workers)]
    states = [Worker([], attempt) for _ in range(workers)]
    beats = workers * server.touch / BEAT  # the part of the server's time that touches take

    def request(now: float, seconds: float) -> float:
        nonlocal free_at
        begun = max(now + server.latency, free_at)
        free_at = begun + seconds / max(0.05, 1 - beats)
        outcome.serving += seconds
        return free_at + server.latency

    def ready(now: float) -> np.ndarray:
        return np.flatnonzero((n_done >= needed) & ((status == FREE) | (now > touched + STALE)))

    def push(when: float, kind: str, worker: int, cell: int = -1) -> None:
        heapq.heappush(events, (when, next(order), kind, worker, cell))

    def go_on(now: float, worker: int) -> None:
        own = states[worker]
        if own.ready and own.missed < MOST_MISSED and now < own.fresh_until:
            push(request(now, server.create), "create", worker)
        else:
            push(now, "look", worker)

    while events:
        now, _, kind, worker, cell = heapq.heappop(events)
        own = states[worker]
        if kind == "look":
            if not (status == DONE).all():
                outcome.listings += 1
                end = request(now, files * server.entry + (status == RUNNING).sum() * server.touch)
                fresh = 0.0 if relist else min(LONGEST_FRESH, LISTING_SHARE * (end - now))
                candidates = ready(now)
                few = min(len(candidates), REMEMBERED)
                # In order first, then in any: as the others do.
                own.ready = list(dict.fromkeys([*candidates[:1], *candidates[draw.integers(0, len(candidates), few)]]))
                own.attempts, own.fresh_until, own.missed = attempt.copy(), end + fresh, 0
                if own.ready:
                    push(request(end, server.create), "create", worker)
                else:
                    push(max(end + own.pause * draw.uniform(0.5, 1), own.fresh_until), "look", worker)
                    own.pause = min(1.5 * own.pause, MOST_POLL)
        elif kind == "create":
            taken = int(own.ready.pop(0))
            if attempt[taken] != own.attempts[taken]:
                outcome.missed += 1
                own.missed += 1
                go_on(now, worker)
                continue
            files += 1
            own.missed, own.pause = 0, POLL
            status[taken], attempt[taken], touched[taken] = RUNNING, attempt[taken] + 1, np.inf
            if kills[taken, min(attempt[taken], MOST_TRIES) - 1]:
                push(now + when_killed[taken] * durations[taken], "die", worker, taken)
            else:
                push(now + durations[taken], "end", worker, taken)
        elif kind == "die":
            outcome.lost += 1
            touched[cell] = now
            own.ready = []
            push(now + RESTART, "look", worker)
        elif kind == "end":
            push(request(now, server.create), "done", worker, cell)
        else:
            files += 1
            status[cell] = DONE
            n_done[cell - cell % PER_RUN : cell - cell % PER_RUN + PER_RUN] += 1
            ended += 1
            if ended == round(MOST * cells):
                outcome.most = now
            outcome.makespan = max(outcome.makespan, now)
            go_on(now, worker)
    return outcome


def main() -> None:
    """Simulate what the documentation shows."""
    disk = measured_server()
    print(
        f"this disk: {1e3 * disk.create:.2f} ms to create a claim, {1e6 * disk.touch:.0f} us to touch one, "
        f"{1e6 * disk.entry:.1f} us to list an entry"
    )
    mean = float(recorded_durations().mean())
    rows = []
    for workers, seconds in itertools.product((500, 100, 1000), (mean, mean / 10)):
        ideal = simulate(10_000, workers, seconds, 0.02, FREE_OF_COST)
        for server, relist in [*((server, False) for server in SERVERS), (SERVERS[1], True)]:
            result = simulate(10_000, workers, seconds, 0.02, server, relist=relist)
            rows.append(
                {
                    "server": server.name,
                    "workers": workers,
                    "seconds per cell": round(seconds, 1),
                    "lists before every cell": relist,
                    "minutes": round(float(result.makespan) / 60, 1),
                    "to 95 %": round(float(result.most) / 60, 1),
                    "to 95 % if files cost nothing": round(float(ideal.most) / 60, 1),
                    "listings per cell": round(result.listings / 10_000, 2),
                    "missed per cell": round(result.missed / 10_000, 2),
                    "server busy": round(float(result.serving / result.makespan), 3),
                    "killed": result.lost,
                }
            )
            print(rows[-1], flush=True)
    if len(sys.argv) > 1:
        with Path(sys.argv[1]).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
