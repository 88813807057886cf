"""Exact Shapley values beside two busy programs: with torch's default number of threads, and with one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from nets import nature_cnn, states
from timing import Row, medians

import rltools
from rltools.attributions import find_method
from rltools.explanation.batches import explained_rows
from rltools.targets import parse_target

BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""A busy program that ends with the process that started it, even if that is killed."""


def measure() -> list[Row]:
    """lunarlander-ppo with its 8 features, and a convolutional network with its pixels in 6 groups."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        with tempfile.TemporaryDirectory() as folder, busy(2):
            return [*_rows("lunarlander-ppo", _small(Path(folder))), *_rows("a CNN on 4x84x84", _large())]
    finally:
        torch.set_num_threads(before)


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Run this many busy programs inside the block."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def _rows(label: str, explain: Callable[[int | None], object]) -> list[Row]:
    several = torch.get_num_threads()
    cases = {"default": None, "one": 1, "several": several}
    explains = {name: partial(explain, threads) for name, threads in cases.items()}
    times = medians(explains, rounds=5, clock=perf_counter)
    name = f"exact Shapley of {label} beside two busy programs"
    return [
        Row(f"{name}: default, times one thread", f"{times['default'] / times['one']:.2f} x", "<= 1.3 x"),
        Row(f"{name}: {several} threads, times one", f"{times['several'] / times['one']:.2f} x", ""),
    ]


def _small(folder: Path) -> Callable[[int | None], object]:
    policy = rltools.load_policy("lunarlander-ppo")
    recording = rltools.record(policy, episodes=1, directory=folder / "run")
    seeds = count()  # other references each time, so that each call has its work to do

    def explain(threads: int | None) -> object:
        return rltools.explain(recording, policy, method="shapley", references=2, threads=threads, seed=next(seeds))

    return explain


def _large() -> Callable[[int | None], object]:
    policy, _ = nature_cnn()
    x, context = states(policy, 8)
    pieces = np.array_split(np.arange(x[0].numel()), 6)
    groups = tuple(tuple(map(int, piece)) for piece in pieces)
    target, shapley = parse_target("logit:chosen", policy), find_method("shapley")

    def explain(threads: int | None) -> object:
        return explained_rows(policy, shapley, target, x, context, x[:2], {"groups": groups}, threads=threads)

    return explain
