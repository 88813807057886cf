"""Claims: which process works on which cell of an experiment, as files in its folder that any machine may share.

There is no server and no lock. An attempt at a cell begins by creating `CELL.0001.claim` exclusively, which only
one process can do, and ends with a file beside it: `.done`, `.failed` with the log, or `.free` if it was given back.
While an attempt goes on, its process touches the claim every few seconds. A claim whose process is dead, or that
nobody touches any more, is superseded by creating the next number, again exclusively; `.retry` beside the last attempt
makes all before it count no more. No file is changed or removed, so nothing depends on the order in which machines see
them.

Two processes may still do the same cell, if one of them was stopped for a minute and then goes on. That costs time and
nothing else: cells are pure functions, their files appear whole and with the same bytes, and the first `.done` counts.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from uuid import uuid4

from rltools._util.files import atomic_write, os_errors_as
from rltools.experiments._owner import Owner, this_process

BEAT = 10.0
"""Seconds between two touches of a claim."""
STALE = 90.0
"""Seconds without a touch, as a watching process measures them, after which a claim is taken over."""
MOST_LOST = 3
"""Attempts in a row whose process ended without a word, after which a cell counts as failed."""
Status = Literal["free", "running", "failed", "done"]
_HELD: set[Claim] = set()
"""The claims of this process that have not ended."""


@dataclass(frozen=True)
class CellState:
    """What the files say about a cell.

    Attributes:
        cell: its id.
        status: whether it may be taken, is being worked on, has failed, or is done.
        attempt: the number of the last attempt; 0 if there was none.
        lost: how many attempts before the running one ended without a word.
        touched: when the claim of a running one was last touched, in nanoseconds of the file system's clock; 0 without.
        result: the number of the attempt that has done it; 0 if none has.
    """

    cell: str
    status: Status = "free"
    attempt: int = 0
    lost: int = 0
    touched: int = 0
    result: int = 0


def _path(folder: Path, cell: str, attempt: int, kind: str) -> Path:
    return folder / f"{cell}.{attempt:04d}.{kind}"


def read_states(folder: Path, cells: Sequence[str]) -> dict[str, CellState]:
    """The state of each cell, from one listing of the folder and a look at each claim that is running.

    Args:
        folder: of the claims.
        cells: ids; files of other cells are ignored.
    """
    attempts: dict[str, dict[int, set[str]]] = {cell: {} for cell in cells}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            name, _, kind = entry.name.rpartition(".")
            cell, _, digits = name.rpartition(".")
            if cell in attempts and digits.isascii() and digits.isdigit():
                attempts[cell].setdefault(int(digits), set()).add(kind)
    return {cell: _state(folder, cell, kinds) for cell, kinds in attempts.items()}


def _state(folder: Path, cell: str, kinds: Mapping[int, set[str]]) -> CellState:
    if not kinds:
        return CellState(cell)
    last = max(kinds)
    forgotten = max((attempt for attempt, ends in kinds.items() if "retry" in ends), default=0)
    if forgotten == last:
        return CellState(cell, "free", last)
    # Not only of the last attempt: one that was taken over may have gone on.
    results = [attempt for attempt, ends in kinds.items() if "done" in ends and attempt > forgotten]
    if results:
        return CellState(cell, "done", last, result=min(results))
    if "free" in kinds[last]:
        return CellState(cell, "free", last)
    if "failed" in kinds[last]:
        return CellState(cell, "failed", last)
    lost = 0
    while kinds.get(last - lost - 1) == {"claim"}:
        lost += 1
    touched = 0
    with suppress(OSError):
        touched = _path(folder, cell, last, "claim").stat().st_mtime_ns
    return CellState(cell, "running", last, lost, touched)


@dataclass
class Watch:
    """Tells which claims of others nobody touches any more, by this process's own clock only.

    Clocks of machines differ and may jump, so a file's time is never compared with the time here: what counts is
    whether it changes.
    """

    clock: Callable[[], float] = monotonic
    stale: float = STALE
    _seen: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)
    _owners: dict[tuple[str, int], Owner] = field(default_factory=dict)

    def is_stale(self, folder: Path, state: CellState) -> bool:
        """Whether the running attempt at a cell has ended without a word."""
        if self.owner(folder, state).is_dead():
            return True
        key = (state.cell, state.attempt)
        touched, since = self._seen.get(key, (-1, 0.0))
        if touched == state.touched and self.clock() - since > self.stale:
            # The listing may be old: network file systems keep times for a minute, and this process may have been
            # stopped since it read them. An opened file has its true time.
            touched = _touched(_path(folder, state.cell, state.attempt, "claim"), state.touched)
            if touched == state.touched:
                return True
            self._seen[key] = (touched, self.clock())
        elif touched != state.touched:
            self._seen[key] = (state.touched, self.clock())
        return False

    def owner(self, folder: Path, state: CellState) -> Owner:
        """The process that made the last attempt at a cell, read once."""
        key = (state.cell, state.attempt)
        owner = self._owners.get(key) or owner_of(folder, state)
        if owner.pid:
            self._owners[key] = owner
        return owner


def _touched(path: Path, otherwise: int) -> int:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return otherwise


def untouched_seconds(folder: Path, state: CellState) -> float:
    """Seconds since the claim of a running cell was touched; both times are of the clock of the file system.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    probe = folder / f".now-{uuid4().hex}"
    with os_errors_as(folder):
        try:
            _create(probe, b"")
            now = probe.stat().st_mtime_ns
        finally:
            probe.unlink(missing_ok=True)
    return (now - _touched(_path(folder, state.cell, state.attempt, "claim"), state.touched)) / 1e9


def owner_of(folder: Path, state: CellState) -> Owner:
    """The process that made the last attempt at a cell; an unknown one if its file is not complete."""
    try:
        content = json.loads(_path(folder, state.cell, state.attempt, "claim").read_bytes())
        return Owner(str(content["host"]), str(content["machine"]), int(content["pid"]), str(content["born"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Owner()


@dataclass(frozen=True)
class Claim:
    """An attempt at a cell by this process. Leaving it without `done` or `failed` gives the cell back."""

    folder: Path
    cell: str
    attempt: int

    def done(self, content: Mapping[str, object]) -> None:
        """Say that the cell is done; `content` is for people."""
        self._end("done", json.dumps(dict(content), ensure_ascii=False) + "\n")

    def failed(self, log: str) -> None:
        """Say that the attempt failed, with its log, which ends with the error."""
        self._end("failed", log)

    def _end(self, kind: str, text: str) -> None:
        path = _path(self.folder, self.cell, self.attempt, kind)
        with os_errors_as(path.parent), atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")

    def give_back(self) -> None:
        """Say that nobody works on the cell any more."""
        with suppress(OSError):  # the folder may be gone, and the claim with it
            _create(_path(self.folder, self.cell, self.attempt, "free"), b"")


def _create(path: Path, content: bytes) -> bool:
    """Create a file exclusively; whether this call created it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except FileExistsError:
        return False
    try:
        if content:
            os.write(descriptor, content)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def take(folder: Path, state: CellState, *, stale: bool = False) -> Claim | None:
    """Claim a cell that is free, or whose claim is stale; None if that is not so, or another process was faster.

    A cell whose process ended without a word `MOST_LOST` times in a row is not tried again: it counts as failed.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    if not (state.status == "free" or (state.status == "running" and stale)):
        return None
    if state.status == "running" and state.lost + 1 >= MOST_LOST:
        host = owner_of(folder, state).host
        Claim(folder, state.cell, state.attempt).failed(
            f"the process of this cell ended without a word {state.lost + 1} times, the last time on {host}: it may "
            f"need more memory than there is, or crash its process\n"
        )
        return None
    claim = Claim(folder, state.cell, state.attempt + 1)
    content = json.dumps(asdict(this_process())).encode()
    with os_errors_as(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            created = _create(_path(folder, claim.cell, claim.attempt, "claim"), content)
        except OSError:  # the disk is full: nobody should wait for this process
            claim.give_back()
            raise
    return claim if created else None


@contextmanager
def held(claim: Claim, *, beat: float = BEAT) -> Iterator[Claim]:
    """Touch a claim every few seconds inside the block; an interrupt or any other error gives the cell back."""
    path, ended = _path(claim.folder, claim.cell, claim.attempt, "claim"), threading.Event()

    def touch() -> None:
        while not ended.wait(beat):
            with suppress(OSError):  # the next touch may succeed
                os.utime(path)

    thread = threading.Thread(target=touch, name=f"claim of {claim.cell}", daemon=True)
    _HELD.add(claim)
    try:
        thread.start()
        yield claim
    except BaseException:
        claim.give_back()
        raise
    finally:
        _HELD.discard(claim)
        ended.set()
        thread.join()


def give_back_held() -> None:
    """Give back all claims of this process, which is about to end without leaving their blocks."""
    for claim in list(_HELD):
        claim.give_back()


def give_back_dead(folder: Path, states: Mapping[str, CellState]) -> list[str]:
    """Give back what processes of this machine left that have certainly ended; returns the ids of the cells."""
    dead = [state for state in states.values() if state.status == "running" and owner_of(folder, state).is_dead()]
    for state in dead:
        Claim(folder, state.cell, state.attempt).give_back()
    return [state.cell for state in dead]


def retry(folder: Path, states: Mapping[str, CellState], *statuses: Status) -> list[str]:
    """Let cells of these statuses be taken again; returns their ids.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    again = [state for state in states.values() if state.status in statuses]
    with os_errors_as(folder):
        for state in again:
            _create(_path(folder, state.cell, state.attempt, "retry"), b"")
    return [state.cell for state in again]


def result_of(folder: Path, state: CellState) -> dict[str, Any]:
    """What was said when a cell was done; empty if nothing can be read."""
    try:
        content = json.loads(_path(folder, state.cell, state.result, "done").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def log_of(folder: Path, state: CellState) -> str:
    """The log of the last attempt at a failed cell; "" if there is none."""
    try:
        return _path(folder, state.cell, state.attempt, "failed").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
