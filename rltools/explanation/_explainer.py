"""Computes one attribution of a recording, batch by batch: reads steps, computes, writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from rltools._util.files import numbered_path
from rltools.explanation._read import (
    StepBlock,
    batches,
    check_same_policy,
    groups,
    needed_columns,
    recorded_context,
    recorded_inputs,
)
from rltools.explanation._unseen import unseen_entries
from rltools.explanation.batches import MOST_BYTES_ON_GPU, MOST_COPIES_ON_GPU, ExplainedRows, chunk_rows, explained_rows
from rltools.explanation.spec import BoundSpec
from rltools.explanation.views import clipped_entries
from rltools.recording import DamagedFileWarning, Recording
from rltools.recording.draws import draws_columns, draws_path
from rltools.recording.read_attribution import folder_identity
from rltools.recording.sealed_json import write_json
from rltools.recording.specs import spec_path
from rltools.recording.writers import BackgroundFiles

BLOCK_BYTES = 1 << 25
"""About how many bytes of observations are read per block."""
MOST_ROWS = 8192
"""The most steps of a block."""


@dataclass
class Explainer:
    """Explains blocks of steps, and writes each episode's attributions to a file of its own.

    Attributes:
        recording: the recording.
        bound: the attribution to compute.
        references: `[reference, *feature]`; None for methods without references.
        folder: the folder of the attribution.
        files: the background writer.
        max_batch: see `explain`.
        threads: see `explain`.
        advance: called with the number of steps done since the last call.
        explained: how many steps have been explained.
        failed: how many of them have attributions that are not finite.
    """

    recording: Recording
    bound: BoundSpec
    references: Tensor | None
    folder: Path
    files: BackgroundFiles
    max_batch: int | None
    threads: int | None
    advance: Callable[[float], None]
    explained: int = 0
    failed: int = 0

    @cached_property
    def _folder_identity(self) -> dict[str, str]:
        """The metadata that all files of the attribution share; its spec has been written, and stays as it is."""
        return folder_identity(self.recording, self.bound.key)

    def rows(self) -> tuple[int, int]:
        """After how many rows a batch is full, and the most rows that are read per block.

        As many as a method takes per call; more would delay progress.
        """
        bound, policy = self.bound, self.bound.policy
        n_references = 0 if self.references is None else len(self.references)
        rows = chunk_rows(bound.method, policy, len(bound.spec.labels), n_references, bound.settings, self.max_batch)
        row_bytes = max(1, policy.features.size) * policy.dtype.itemsize
        on_cpu = policy.device.type == "cpu"
        most, size = (MOST_ROWS, BLOCK_BYTES) if on_cpu else (MOST_COPIES_ON_GPU, MOST_BYTES_ON_GPU)
        block_rows = int(np.clip(size // row_bytes, 64, most))
        return min(rows, block_rows), block_rows

    def groups(self, steps: Mapping[int, int]) -> list[list[int]]:
        """The numbers of episodes that are explained together, from the steps of each: their batches have no others."""
        return groups(steps, self.bound.spec.every, self.rows()[0])

    def batches(self, numbers: list[int]) -> Iterator[list[StepBlock]]:
        """The steps of some episodes, in batches."""
        names = needed_columns(self.recording, self.bound.policy)
        spec = self.bound.spec
        return batches(self.recording, numbers, names, spec.every, *self.rows(), spec.window)

    def explain(self, batch: list[StepBlock]) -> None:
        """Explain a batch, and write it."""
        bound, policy = self.bound, self.bound.policy
        for block in batch:
            if block.damage is not None:
                self.files.abandon(numbered_path(self.folder, block.number))
                self.files.abandon(draws_path(self.folder, block.number))
                warnings.warn(str(block.damage), DamagedFileWarning, stacklevel=4)
        read = sum(block.read for block in batch)
        batch = [block for block in batch if block.damage is None]
        steps = sum(len(block.t) for block in batch)
        if not steps:
            self.advance(read)
        if not batch:
            return
        columns = {name: np.concatenate([block.columns[name] for block in batch]) for name in batch[0].columns}
        if not self.explained:
            check_same_policy(policy, columns, self.recording)
        x, context = recorded_inputs(policy, columns), recorded_context(policy, columns)
        rows = explained_rows(
            policy,
            bound.method,
            bound.target,
            x,
            context,
            self.references,
            bound.settings,
            self.max_batch,
            threads=self.threads,
            advance=lambda done: self.advance(done * read / max(1, steps)),  # more steps are read than explained
        )
        # Not before: a spec whose first step fails must not look as if it had been explained.
        if not (path := spec_path(self.recording.directory, bound.key)).is_file():
            values = rows.columns["values"]
            unseen = unseen_entries(self.recording, policy, bound.method, bound.target, bound.spec, x, context, values)
            self.folder.mkdir(exist_ok=True)
            write_json(path, replace(bound.spec, unseen=unseen).to_json())
        self._write(batch, rows, clipped_entries(policy, x))
        self.explained += steps
        self.failed += rows.failed

    def _write(self, batch: list[StepBlock], explained: ExplainedRows, clipped: dict[str, np.ndarray]) -> None:
        """Append each block to its episode's file, and finish the files of episodes that end with it."""
        bound, files, start = self.bound, self.files, 0
        columns = explained.columns | clipped
        for block in batch:
            rows = slice(start, start + len(block.t))
            path, draws = numbered_path(self.folder, block.number), draws_path(self.folder, block.number)
            files.write(path, {"t": block.t, **{name: values[rows] for name, values in columns.items()}})
            without = None
            if explained.without is not None:
                without = draws_columns(block.t, explained.without[rows], bound.spec, bound.policy.features)
            if without is not None:
                files.write(draws, without)
            if block.last:
                identity = self.recording.identity(block.number, block.rows) | self._folder_identity
                if without is not None:
                    files.finish(draws, identity)
                # Draws first: an episode with attributions must have its draws.
                after = None if without is None else draws
                files.finish(path, {"policy_sha256": bound.spec.policy_sha256, **identity}, after=after)
            start = rows.stop
