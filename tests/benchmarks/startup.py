"""The start-up time of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from timing import Row


def measure() -> list[Row]:
    """Wall time of `rltools --help`, the whole process, median of eleven."""
    command = [str(Path(sys.executable).with_name("rltools")), "--help"]
    times = []
    for _ in range(11):
        start = perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(perf_counter() - start)
    return [Row("rltools --help", f"{median(times):.2f} s", "< 0.5 s")]
