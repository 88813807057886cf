"""Runs conditions at seeds, keeps each batch as a file, and knows what was run before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import numpy as np

from rltools._util.files import os_errors_as, unfinished_in
from rltools._util.lock import folder_lock
from rltools._util.progress import progress_bar, say
from rltools._util.text import plural
from rltools._util.workers import Workers
from rltools.ablation._ablation import Ablation
from rltools.ablation._folder import (
    FOLDER,
    AblationSpec,
    batch_identity,
    next_number,
    read_batches,
    read_visited,
    visited_path,
    write_batch,
    write_spec,
    write_visited,
)
from rltools.ablation._open_ablation import positions_of
from rltools.ablation._players import find_players
from rltools.ablation._rollouts import Rollouts, Task, joined
from rltools.ablation._run import Setting, run_tasks
from rltools.ablation.replacements import Visited
from rltools.envs import Environment
from rltools.explanation.references import draw_visited
from rltools.policies.base import Policy
from rltools.recording import Recording

BATCH = 256
"""Episodes per file, which is what an interrupt may lose."""
Condition = tuple[str, tuple[int, ...]]
"""The name of a replacement, and the positions of the hidden players; ("", ()) if nothing is hidden."""


@dataclass
class AblationRunner:
    """An ablation while episodes are added to it.

    Attributes:
        setting: what the episodes depend on.
        spec: the same as data.
        folder: of the files.
        seal: of the file of the settings.
        rollouts: all episodes so far.
        workers: how many processes run episodes, or an executor.
        progress: whether to show progress.
    """

    setting: Setting
    spec: AblationSpec
    folder: Path
    seal: str
    rollouts: Rollouts
    workers: Workers
    progress: bool = field(kw_only=True)

    @property
    def players(self) -> int:
        """How many players there are."""
        return len(self.spec.players)

    def returns(self, hidden: Sequence[int], replacement: str = "") -> dict[int, float]:
        """The returns of complete episodes, by the number of the seed; by default with the main replacement."""
        return self.rollouts.measured.returns(hidden, replacement or self.spec.replace)

    def hiding(self, hidden: Sequence[int], replacement: str = "") -> Condition:
        """The condition in which these players are hidden; by default with the main replacement."""
        return (replacement or self.spec.replace, tuple(hidden)) if len(hidden) else ("", ())

    def run(
        self, conditions: Sequence[Condition], numbers: Sequence[int], purpose: str, text: str, part: float = nan
    ) -> None:
        """Run every condition at every seed, but for what was run before.

        Args:
            conditions: what is hidden, and how.
            numbers: of the seeds.
            purpose: see `Rollouts`.
            text: what the progress bar says.
            part: see `Rollouts`.
        """
        self.run_tasks(
            [Task(*condition, number) for number in numbers for condition in conditions], purpose, text, part
        )

    def run_tasks(self, tasks: Sequence[Task], purpose: str, text: str, part: float = nan) -> None:
        """Run episodes, but for those that were run before; see `run`."""
        done = self.rollouts.tasks
        if purpose == "certificate":  # what a search has seen is not fresh, even if it was the same episode
            done = frozenset(
                self.rollouts.where((self.rollouts.purpose == purpose) & (self.rollouts.part == part)).tasks
            )
        batches = [list(dict.fromkeys(tasks[start : start + BATCH])) for start in range(0, len(tasks), BATCH)]
        missing = [[task for task in batch if task not in done] for batch in batches]
        total = sum(map(len, missing))
        identity = batch_identity(self.folder, self.spec.recording, self.seal)
        with progress_bar(f"ablate {self.spec.policy}: {text}", total, show=self.progress, unit="episode") as advance:
            for batch in filter(None, missing):
                rows = run_tasks(self.setting, batch, purpose, part, advance, self.workers)
                write_batch(self.folder, next_number(self.folder), rows, identity)
                self.rollouts = joined([self.rollouts, rows], self.players)

    def ablation(self, recording: Recording) -> Ablation:
        """The ablation with all episodes so far."""
        positions = positions_of(recording, self.spec)
        return Ablation(self.spec, positions, self.rollouts, self.folder, recording.keep_alive)

    def announce(self, recording: Recording, seeds: int) -> None:
        """Say how much work the losses are, before it begins; nothing if all of it was done before."""
        lengths = [outcome.steps for outcome in recording.outcomes() if not outcome.fault]
        conditions = [("", ()), *(self.hiding((player,)) for player in range(self.players))]
        tasks = {Task(*condition, number) for number in range(seeds) for condition in conditions}
        episodes, missing = len(tasks), len(tasks - self.rollouts.tasks)
        if not missing:
            return
        steps = f", about {round(missing * float(np.mean(lengths))):,} steps if they stay as long" if lengths else ""
        before = f" of which {episodes - missing} are there" if missing < episodes else ""
        say(
            f"ablate {self.spec.policy}: {plural(self.players, 'feature')} and none, at {plural(seeds, 'seed')} each: "
            f"{episodes} episodes{before}{steps}",
            show=self.progress,
        )


@contextmanager
def open_runner(
    policy: Policy,
    recording: Recording,
    environment: Environment,
    spec: AblationSpec,
    num_envs: int,
    workers: Workers,
    *,
    progress: bool,
) -> Iterator[AblationRunner]:
    """Hold the folder of an ablation, with what it has already, to add episodes to it."""
    folder = recording.directory / FOLDER / spec.key
    players = find_players(recording.features, spec.groups)
    drawn = None if visited_path(folder).is_file() else draw_visited(recording, spec.visited, spec.seed)
    with folder_lock(folder), os_errors_as(folder):
        for unfinished in unfinished_in(folder):
            unfinished.unlink(missing_ok=True)
        seal = write_spec(folder, spec)
        visited = read_visited(folder, players.size, recording.seal, seal)
        if visited is None:
            visited = players.decode(policy.encode(drawn).numpy(force=True))
            write_visited(folder, visited, recording.seal, seal)
        rollouts = read_batches(folder, spec, batch_identity(folder, recording.seal, seal))
        setting = Setting(policy, environment, players, Visited(visited), spec.seed, spec.max_steps, num_envs)
        yield AblationRunner(setting, spec, folder, seal, rollouts, workers, progress=progress)
