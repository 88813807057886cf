"""How many cores are idle, as the files of the kernel say."""

from __future__ import annotations

import os
from pathlib import Path

import joblib
import pytest

from rltools._util import cores
from rltools._util.cores import idle_cores


@pytest.mark.parametrize(
    ("own", "allowed", "idle", "quota", "used", "expected"),
    [
        (range(8), 8, 5.9, "max", 0, 6),
        (range(8), 8, 0.1, "max", 0, 1),
        (range(2), 2, 2.0, "max", 0, 2),
        (range(64), 4, 60.0, "400000 100000", 0, 4),
        (range(64), 4, 60.0, "400000 100000", 2.9, 1),
        (range(64), 4, 1.8, "400000 100000", 0, 2),
    ],
)
def test_cores_are_idle_that_the_affinity_and_the_quota_leave(
    own: range,
    allowed: int,
    idle: float,
    quota: str,
    used: float,
    expected: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]

    def pass_by(seconds: float) -> None:
        now[0] += seconds
        part, ticks = seconds * idle / len(own), now[0]
        lines = [f"cpu{core} 1 1 1 {100 * part + 1000:.0f} 0 0" for core in own]
        write(lines, ticks)

    def write(lines: list[str], seconds: float) -> None:
        (tmp_path / "stat").write_text("\n".join(["cpu 1 1 1 1 1 1", *lines, "cpu99 1 1 1 99999 1", "intr 1"]))
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
        (tmp_path / "cpu.stat").write_text(f"usage_usec {round(1e6 * used * seconds)}\nuser_usec 1\n")

    write([f"cpu{core} 1 1 1 1000 0 0" for core in own], now[0])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(own), raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: allowed)
    monkeypatch.setattr(cores, "GROUPS", tmp_path)
    monkeypatch.setattr(cores, "STATISTICS", tmp_path / "stat")
    monkeypatch.setattr(cores, "MOMENT", 20.0)
    monkeypatch.setattr(cores.time, "sleep", pass_by)
    monkeypatch.setattr(cores.time, "monotonic", lambda: now[0])
    assert idle_cores() == expected


def test_without_these_files_the_load_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "getloadavg", lambda: (2.6, 0.0, 0.0))
    monkeypatch.setattr(cores, "STATISTICS", tmp_path / "stat")
    monkeypatch.setattr(cores, "GROUPS", tmp_path)
    assert idle_cores() == 5
    (tmp_path / "stat").write_text("cpu0 0 0 0 0 0\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert idle_cores() == 5
