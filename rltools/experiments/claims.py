"""Claims: which process works on which cell of an experiment, as files in its folder that any machine may share.

There is no server and no lock. An attempt at a cell begins by creating `CELL.0001.claim` exclusively, which only
one process can do, and ends with a file beside it: `.free` if it was given back, `.failed` with the log if it failed.
A cell that is done has `CELL.done`. While an attempt goes on, its process touches the claim every few seconds.
A claim whose process is dead, or that nobody touches any more, is superseded by creating the next number, again
exclusively. No file is changed or removed, so nothing depends on the order in which machines see them.

Two processes may still do the same cell, if one of them was stopped for a minute and then goes on. That costs time and
nothing else: cells are pure functions, and their files appear whole and with the same bytes.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from rltools._util.files import atomic_write, os_errors_as

BEAT = 10.0
"""Seconds between two touches of a claim."""
STALE = 90.0
"""Seconds without a touch, as a watching process measures them, after which a claim is taken over."""
MOST_LOST = 3
"""Attempts in a row whose process ended without a word, after which a cell counts as failed."""
Status = Literal["free", "running", "failed", "done"]


@dataclass(frozen=True)
class Owner:
    """A process that works on a cell.

    Attributes:
        host: the name of its machine, for people.
        machine: what tells its machine, since it was started, and its process namespace from all others; "" if unknown.
        pid: the number of the process.
        born: when the process was started, in the kernel's ticks; "" if unknown.
    """

    host: str = "?"
    machine: str = ""
    pid: int = 0
    born: str = ""

    def is_dead(self) -> bool:
        """Whether the process certainly ended: it is of this machine, and is not there any more."""
        here = this_process()
        return bool(self.machine) and self.machine == here.machine and _born(self.pid) != self.born


@cache
def _machine() -> str:
    """The boot of this machine and the process namespace: containers may share a host's name, and not its processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""  # not Linux: only touches tell whether a claim is alive


def _born(pid: int) -> str:
    """The start of a process in ticks since the boot; "" if there is none, or it is only waiting to be buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def this_process() -> Owner:
    """The owner of claims that this process makes."""
    pid = os.getpid()
    return Owner(socket.gethostname(), _machine(), pid, _born(pid))


@dataclass(frozen=True)
class CellState:
    """What the files say about a cell.

    Attributes:
        cell: its id.
        status: whether it may be taken, is being worked on, has failed, or is done.
        attempt: the number of the last attempt; 0 if there was none.
        lost: how many attempts before the running one ended without a word.
        touched: when the claim was last touched, in nanoseconds of the file system's clock; 0 without one.
    """

    cell: str
    status: Status = "free"
    attempt: int = 0
    lost: int = 0
    touched: int = 0


def _path(folder: Path, cell: str, attempt: int, kind: str) -> Path:
    return folder / f"{cell}.{attempt:04d}.{kind}"


def read_states(folder: Path, cells: Iterator[str] | list[str] | tuple[str, ...]) -> dict[str, CellState]:
    """The state of each cell, from one listing of the folder.

    Args:
        folder: of the claims.
        cells: ids; files of other cells are ignored.
    """
    attempts: dict[str, dict[int, set[str]]] = {cell: {} for cell in cells}
    touched: dict[tuple[str, int], int] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            name, _, kind = entry.name.rpartition(".")
            cell, _, digits = name.rpartition(".")
            if cell in attempts and digits.isascii() and digits.isdigit():
                attempts[cell].setdefault(int(digits), set()).add(kind)
                if kind == "claim":
                    with suppress(FileNotFoundError):
                        touched[cell, int(digits)] = entry.stat().st_mtime_ns
    return {cell: _state(cell, kinds, touched) for cell, kinds in attempts.items()}


def _state(cell: str, kinds: Mapping[int, set[str]], touched: Mapping[tuple[str, int], int]) -> CellState:
    if not kinds:
        return CellState(cell)
    last = max(kinds)
    if kinds[last] & {"retry", "free"}:
        return CellState(cell, "free", last)
    if "done" in kinds[last]:
        return CellState(cell, "done", last)
    if "failed" in kinds[last]:
        return CellState(cell, "failed", last)
    lost = 0
    while (before := kinds.get(last - lost - 1)) is not None and before == {"claim"}:
        lost += 1
    return CellState(cell, "running", last, lost, touched.get((cell, last), 0))


@dataclass
class Watch:
    """Tells which claims of others nobody touches any more, by this process's own clock only.

    Clocks of machines differ and may jump, so a file's time is never compared with the time here: what counts is
    whether it changes.
    """

    clock: Callable[[], float] = monotonic
    stale: float = STALE
    _seen: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    def is_stale(self, folder: Path, state: CellState) -> bool:
        """Whether the running attempt at a cell has ended without a word."""
        key = (state.cell, state.attempt)
        touched, since = self._seen.get(key, (-1, 0.0))
        if touched != state.touched:
            self._seen[key] = (state.touched, self.clock())
            return owner_of(folder, state).is_dead()
        return self.clock() - since > self.stale or owner_of(folder, state).is_dead()


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
        path = _path(self.folder, self.cell, self.attempt, "done")
        with os_errors_as(path.parent), atomic_write(path) as temporary:
            temporary.write_text(json.dumps(dict(content), ensure_ascii=False) + "\n", encoding="utf-8")

    def failed(self, log: str) -> None:
        """Say that the attempt failed, with its log, which ends with the error."""
        _write_failure(self.folder, self.cell, self.attempt, log)

    def give_back(self) -> None:
        """Say that nobody works on the cell any more."""
        with suppress(OSError):  # the folder may be gone, and the claim with it
            _create(_path(self.folder, self.cell, self.attempt, "free"), b"")


def _write_failure(folder: Path, cell: str, attempt: int, log: str) -> None:
    path = _path(folder, cell, attempt, "failed")
    with os_errors_as(path.parent), atomic_write(path) as temporary:
        temporary.write_text(log, encoding="utf-8", errors="replace")


def _create(path: Path, content: bytes) -> bool:
    """Create a file exclusively; whether this call created it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
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
        text = (
            f"the process of this cell ended without a word {state.lost + 1} times, the last time on {host}: it may "
            f"need more memory than there is, or crash its process\n"
        )
        _write_failure(folder, state.cell, state.attempt, text)
        return None
    attempt = state.attempt + 1
    content = json.dumps(asdict(this_process())).encode()
    with os_errors_as(folder):
        folder.mkdir(parents=True, exist_ok=True)
        created = _create(_path(folder, state.cell, attempt, "claim"), content)
    return Claim(folder, state.cell, attempt) if created else None


@contextmanager
def held(claim: Claim, *, beat: float = BEAT) -> Iterator[Claim]:
    """Touch a claim every few seconds inside the block; an interrupt gives the cell back."""
    path, ended = _path(claim.folder, claim.cell, claim.attempt, "claim"), threading.Event()

    def touch() -> None:
        while not ended.wait(beat):
            with suppress(OSError):  # the next touch may succeed
                os.utime(path)

    thread = threading.Thread(target=touch, name=f"claim of {claim.cell}", daemon=True)
    thread.start()
    try:
        yield claim
    except BaseException:
        claim.give_back()
        raise
    finally:
        ended.set()
        thread.join()


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
        content = json.loads(_path(folder, state.cell, state.attempt, "done").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def log_of(folder: Path, state: CellState) -> str:
    """The log of the last attempt at a failed cell; "" if there is none."""
    try:
        return _path(folder, state.cell, state.attempt, "failed").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
