"""Runs episodes with hidden players, on one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.arrays import object_column
from rltools._util.workers import Workers, in_workers, parallel_parts
from rltools.ablation._players import Players
from rltools.ablation._replaced_decisions import ReplacedDecisions
from rltools.ablation._rollouts import Rollouts, Task
from rltools.ablation.replacements import Visited
from rltools.envs import Environment, make_environment
from rltools.policies.base import Policy
from rltools.policies.threads import compute_threads
from rltools.recording import Outcome
from rltools.recording.seeds import SPREAD, episode_seed
from rltools.recording.writers import EpisodeWriter
from rltools.rollout.env_check import without_order_check
from rltools.rollout.loop import run_episodes

FIRST_NUMBER = 1_000_000
"""The number of the episode whose seed is the first: a recording has fewer episodes, so that no seed is shared."""


@dataclass(frozen=True)
class Setting:
    """Everything that an episode with hidden players depends on, besides its task.

    Attributes:
        policy: the policy that acts.
        environment: in which it acts.
        players: that can be hidden.
        visited: the states that values are taken from.
        seed: from which the seeds of the episodes are derived.
        max_steps: the number of steps after which an episode is ended.
        num_envs: how many episodes run side by side.
    """

    policy: Policy
    environment: Environment
    players: Players
    visited: Visited
    seed: int
    max_steps: int
    num_envs: int


def seed_of(seed: int, number: int) -> int:
    """The seed that the environment of an episode is reset with, by the number of the seed."""
    return episode_seed(SPREAD, seed, FIRST_NUMBER + number)


def run_tasks(
    setting: Setting,
    tasks: Sequence[Task],
    purpose: str,
    part: float,
    advance: Callable[[int], None],
    workers: Workers,
) -> Rollouts:
    """Run an episode for each task; the rows are in the order of the tasks.

    Raises:
        ArgumentError: the policy or the environment cannot be sent to another process.
        SimulationError: another process ended before its episodes did.
    """
    parts = min(parallel_parts(workers), len(tasks))
    if parts == 1:
        outcomes = dict(_outcomes(setting, tasks, advance))
    else:
        outcomes = {}
        # Every worker gets a share of each condition, because conditions differ in the length of their episodes.
        shares = [range(part, len(tasks), parts) for part in range(parts)]
        with in_workers(workers, _run_share, setting, [[tasks[index] for index in each] for each in shares]) as results:
            for position, ended in results:
                outcomes.update(zip(shares[position], ended, strict=True))
                advance(len(ended))
    return _rows(setting, tasks, [outcomes[index] for index in range(len(tasks))], purpose, part)


def _outcomes(setting: Setting, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[tuple[int, Outcome]]:
    """The outcome of each task, by its position, as it ends."""
    seeds = [seed_of(setting.seed, task.number) for task in tasks]
    bare = without_order_check(setting.environment)
    outcomes = run_episodes(
        setting.policy,
        range(len(tasks)),
        lambda _: make_environment(bare),
        lambda _: (NoFiles(), False),
        seed_of=lambda index: seeds[index],
        num_envs=min(setting.num_envs, len(tasks)),
        deterministic=True,
        max_steps=setting.max_steps,
        decide=ReplacedDecisions(setting.players, setting.visited, tasks, seeds),
    )
    # One thread, also for images: torch splits a product differently on several, and rounds it differently.
    with compute_threads(setting.policy, setting.num_envs, 1), closing(outcomes):
        for outcome in outcomes:
            advance(1)
            yield outcome.number, outcome


def _rows(setting: Setting, tasks: Sequence[Task], outcomes: Sequence[Outcome], purpose: str, part: float) -> Rollouts:
    hidden = np.zeros((len(tasks), len(setting.players.names)), bool)
    for row, task in enumerate(tasks):
        hidden[row, list(task.hidden)] = True

    return Rollouts(
        replacement=object_column([task.replacement for task in tasks]),
        hidden=hidden,
        number=np.array([task.number for task in tasks], np.int64),
        seed=np.array([outcome.seed for outcome in outcomes], np.int64),
        total_reward=np.array([outcome.total_reward for outcome in outcomes], np.float64),
        steps=np.array([outcome.steps for outcome in outcomes], np.int64),
        ended=object_column([outcome.ended for outcome in outcomes]),
        fault=object_column([outcome.fault for outcome in outcomes]),
        purpose=object_column([purpose] * len(tasks)),
        part=np.full(len(tasks), part),
    )


class NoFiles(EpisodeWriter):
    """A writer for episodes of which only the outcome counts."""

    def __init__(self) -> None:
        """Prepare nothing."""

    @property
    def content(self) -> str:
        """There are no rows."""
        return ""

    def write(self, columns: Mapping[str, np.ndarray], frames: list[bytes]) -> None:
        """Drop a block of steps."""

    def finish(
        self,
        outcome: Outcome,
        final_observation: Mapping[str, Any] | None,
        frames_per_second: float,
        final_value: float | None = None,
    ) -> None:
        """Write nothing."""

    def abandon(self) -> None:
        """Leave nothing behind."""


def _run_share(setting: Setting, tasks: list[Task]) -> list[Outcome]:
    """Run in a worker process: the outcomes of some tasks, in their order."""
    outcomes = dict(_outcomes(setting, tasks, lambda count: None))
    return [outcomes[index] for index in range(len(tasks))]
