"""Explains episodes in this process or, by groups, in several, with the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import torch
from torch import Tensor

from rltools._util.files import numbered_in, os_errors_as
from rltools._util.workers import Workers, in_workers, parallel_parts, start_workers
from rltools.errors import CorruptError
from rltools.explanation._explainer import Explainer
from rltools.explanation.spec import BoundSpec
from rltools.recording import Recording
from rltools.recording.specs import spec_path
from rltools.recording.writers import BackgroundFiles

TURNS = 8
"""About how many parts a process explains, so that none waits long for another at the end."""


@dataclass(frozen=True)
class _Shared:
    """What explaining a group takes: the fields of an `Explainer` that other processes can have."""

    recording: Recording
    bound: BoundSpec
    references: Tensor | None
    folder: Path
    max_batch: int | None
    threads: int | None


def explain_episodes(explainer: Explainer, numbers: list[int], workers: Workers) -> list[Path]:
    """Explain episodes: in this process; or the first of them, which gives the spec that all files name, then others.

    Returns:
        The files that other processes wrote.

    Raises:
        ArgumentError: the policy cannot be sent to another process.
        SimulationError: another process ended before its episodes were explained.
    """
    recording, folder = explainer.recording, explainer.folder.absolute()
    if parallel_parts(workers) == 1 or len(numbers) == 1:
        for batch in explainer.batches(numbers):
            explainer.explain(batch)
        return []
    steps = {number: _steps(recording, number) for number in numbers}
    groups = explainer.groups(steps)
    if len(groups) > 1:
        start_workers(workers)
    spec, left = spec_path(recording.directory, explainer.bound.key), set(numbers)
    while groups and not spec.is_file():
        here = groups.pop(0)
        left.difference_update(here)
        for batch in explainer.batches(here):
            explainer.explain(batch)
    written: list[Path] = []
    if not groups:
        return written

    def look() -> None:
        done = left & numbered_in(folder)
        left.difference_update(done)
        explainer.advance(sum(steps[number] for number in done))

    size = ceil(len(groups) / (TURNS * parallel_parts(workers)))
    parts = [groups[start : start + size] for start in range(0, len(groups), size)]
    shared = _Shared(
        replace(recording, directory=recording.directory.absolute(), keep_alive=None),
        *(explainer.bound, explainer.references, folder, explainer.max_batch, explainer.threads),
    )
    with in_workers(workers, _explain_part, shared, parts, look) as results:
        for _, (explained, failed, files) in results:
            explainer.explained += explained
            explainer.failed += failed
            written += files
    look()
    return written


def _steps(recording: Recording, number: int) -> int:
    try:
        return recording.outcome(number).steps
    except CorruptError:  # whoever explains it warns of it
        return 0


def _explain_part(shared: _Shared, part: list[list[int]]) -> tuple[int, int, list[Path]]:
    """Run in a worker process: explain some groups; how many steps, how many failed, and the files."""
    recording, bound = shared.recording, shared.bound
    with torch.inference_mode(mode=False), os_errors_as(shared.folder), BackgroundFiles() as files:
        explainer = Explainer(
            *(recording, bound, shared.references, shared.folder, files, shared.max_batch, shared.threads),
            lambda done: None,
        )
        for numbers in part:
            for batch in explainer.batches(numbers):
                explainer.explain(batch)
    return explainer.explained, explainer.failed, files.finished
