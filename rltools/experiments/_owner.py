"""Which process made a claim, and whether that process has certainly ended."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process that works on a cell.

    Attributes:
        host: the name of its machine, for people.
        machine: what tells its machine, since it was started, and its process namespace from all others; "" if unknown.
        pid: the number of the process; 0 if unknown.
        born: when the process was started, in the kernel's ticks; "" if unknown.
    """

    host: str = "?"
    machine: str = ""
    pid: int = 0
    born: str = ""

    def is_dead(self) -> bool:
        """Whether the process certainly ended: it is of this machine, and is not there any more."""
        return bool(self.machine) and self.machine == _machine() and _born(self.pid) != self.born

    def __str__(self) -> str:
        """For people: `node7, process 4711`."""
        return f"{self.host}, process {self.pid}"


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
