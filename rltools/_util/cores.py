"""How many cores of this machine this process may use, and how many of them are idle."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

MOMENT = 0.2
"""Seconds over which it is measured how busy cores are: the load average is of minutes, and of what ended, too."""
GROUPS = Path("/sys/fs/cgroup")
"""Where a container says how much of the machine it may use."""
STATISTICS = Path("/proc/stat")
TICKS = 100.0
"""Ticks of the kernel's statistics per second, on every common machine."""


def idle_cores() -> int:
    """The number of idle cores that this process may use, at least one.

    It may use those of its affinity, and as much time as the container has left of its quota.

    >>> 1 <= idle_cores() <= os.cpu_count()
    True
    """
    from joblib import cpu_count

    own = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    allowed = float(cpu_count())  # heeds the affinity and the quota
    before, used = _idle_ticks(own), _quota_used()
    if before is None:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return max(1, round(allowed - load))
    begun = time.monotonic()
    time.sleep(MOMENT)
    passed = time.monotonic() - begun
    idle = ((_idle_ticks(own) or 0.0) - before) / TICKS / passed
    if used is not None:
        allowed -= ((_quota_used() or used) - used) / passed
    return max(1, round(min(allowed, idle)))


def _idle_ticks(own: list[int] | None) -> float | None:
    """How long some cores have been idle, in ticks; None where nothing says so."""
    with suppress(OSError, ValueError, LookupError):
        lines = [line.split() for line in STATISTICS.read_text(encoding="ascii").splitlines()]
        cores = {int(fields[0][3:]): fields for fields in lines if fields[0][:3] == "cpu" and fields[0][3:].isdigit()}
        # Idle, and waiting for a disk.
        return float(sum(int(cores[core][4]) + int(cores[core][5]) for core in own or cores)) or None
    return None


def _quota_used() -> float | None:
    """The seconds of processors that this container has used, if it has a quota; else None."""
    with suppress(OSError, ValueError, StopIteration):
        if (GROUPS / "cpu.max").read_text(encoding="ascii").split()[0] == "max":
            return None
        lines = (GROUPS / "cpu.stat").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec")) / 1e6
    return None
