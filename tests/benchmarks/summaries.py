"""Summarizing many short episodes, against reading the files that it needs with pyarrow alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pyarrow.parquet as pq
from timing import Row

import rltools
from rltools.recording import Recording
from rltools.testing import example_recording

EPISODES, STEPS, FEATURES = 10_000, 100, 4
ROUNDS = 3


def measure() -> list[Row]:
    """Seconds of the processor for 10,000 episodes of 100 steps, written as `record` and `explain` write them."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        recording = example_recording(
            Path(folder) / "run", [rng.normal(size=(STEPS, 1, FEATURES)) for _ in range(EPISODES)]
        )
        rltools.summarize(recording)
        pairs = [(_seconds(lambda: rltools.summarize(recording)), _read_alone(recording)) for _ in range(ROUNDS)]
    ours, alone = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(first / second for first, second in pairs)
    return [
        Row(
            f"summarize {EPISODES:,} episodes of {STEPS} steps, against reading them with pyarrow ({alone:.1f} s)",
            f"{ratio:.2f} x",
            "<= 1.6 x",
        ),
        Row(f"summarize {EPISODES:,} episodes of {STEPS} steps, processor time", f"{ours:.1f} s", "<= 6 s"),
    ]


def _read_alone(recording: Recording) -> float:
    """Seconds to read the columns that a summary needs: observations and actions, and the attributions."""
    folder = recording.directory
    episodes = sorted((folder / "episodes").glob("*.parquet"))
    explained = sorted((folder / "attributions").glob("*/*.parquet"))

    def read() -> None:
        for paths, columns in ((episodes, ["observation", "action"]), (explained, ["t", "values", "scores"])):
            for path in paths:
                pq.ParquetFile(path).read(columns=columns, use_threads=False)

    return _seconds(read)


def _seconds(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start
