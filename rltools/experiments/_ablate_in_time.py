"""The ablation that `analyze` runs: as many seeds as the time allows, and never a reason to fail."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rltools._util.progress import say
from rltools._util.text import plural
from rltools._util.workers import Workers, parallel_parts
from rltools.ablation import Groups, ablate, ablations, find_players
from rltools.errors import RltoolsError, RltoolsWarning
from rltools.policies.bounds import Bounds
from rltools.recording import Recording
from rltools.rollout import record

if TYPE_CHECKING:
    from rltools.ablation import Ablation
    from rltools.envs import Environment
    from rltools.policies.base import Policy

SECOND_PART = 0.5
"""The second replacement runs at half of the seeds."""
RACED_TOGETHER = 3
"""Conditions that a race runs at each further seed: nothing hidden, and mostly two leaders."""
LONGER = 1.5
"""How much longer episodes with something hidden are expected to be."""
FEWEST, MOST = 2, 128
"""Fewer seeds than the first have no interval; the second is up to how many the leaders are raced at."""


REPLACEMENT = "resample"
LONG = 20.0
"""A recording that took so many seconds says how long a step takes; of a shorter one, steps are a small part."""
TRIED = 2
"""Episodes that say how long a step takes."""


class NotMeasuredWarning(RltoolsWarning):
    """The return without each feature was not measured, and why."""


@dataclass(frozen=True)
class Work:
    """How many seeds an ablation may take.

    Attributes:
        seeds: at which each feature is hidden; 0 if there is no time for two.
        most: up to which the leaders are raced.
        seconds: that two seeds would take.
    """

    seeds: int
    most: int
    seconds: float


def fitting_work(steps: float, players: int, seconds_per_step: float, seconds: float, seeds: int) -> Work:
    """As many seeds as fit into the time.

    Args:
        steps: of a mean episode.
        players: how many features are hidden in turn.
        seconds_per_step: that stepping the environment takes.
        seconds: the limit.
        seeds: as many as are wanted.

    >>> fitting_work(265, 8, 0.00006, 60, 16)
    Work(seeds=16, most=128, seconds=0.6...)
    >>> fitting_work(1000, 8, 0.001, 60, 16).seeds, fitting_work(27000, 16, 0.01, 60, 16).seeds
    (3, 0)
    """
    episode = steps * seconds_per_step * LONGER
    a_seed = episode * (1 + players * (1 + SECOND_PART))
    fitting = seeds if a_seed * seeds <= seconds else int(seconds / a_seed)
    if fitting < min(FEWEST, seeds):
        return Work(0, 0, FEWEST * a_seed)
    left = seconds - fitting * a_seed
    further = MOST if episode == 0 else int(left / (RACED_TOGETHER * episode))
    return Work(fitting, max(fitting, min(MOST, fitting + further)), FEWEST * a_seed)


def ablate_in_time(
    policy: Policy,
    recording: Recording,
    env: Environment | None,
    *,
    seeds: int,
    seconds: float,
    recorded_in: float,
    groups: Groups,
    workers: Workers,
    bounds: Bounds,
    progress: bool,
) -> tuple[Ablation | None, str]:
    """The ablation of a run, and "" or the reason why there is none.

    Args:
        policy: the policy.
        recording: its visited states, and the folder of the files.
        env: as for `record`.
        seeds: at how many seeds each feature is hidden, if there is time.
        seconds: about how long it may take.
        recorded_in: seconds that recording took; 0 if it was there before.
        groups: as for `ablate`.
        workers: as for `ablate`.
        bounds: as for `record`.
        progress: show progress.
    """
    options: dict[str, Any] = {"groups": groups, "workers": workers, "bounds": bounds, "progress": progress}
    try:
        hidden = find_players(recording.features, groups).names
        before, raced = _seeds_before(recording, hidden)
        if before >= seeds:  # it goes on as it was begun, if it was interrupted
            return ablate(policy, recording, env, seeds=seeds, most=raced, **options), ""
        lengths = [outcome.steps for outcome in recording.readable_outcomes() if not outcome.fault]
        steps = sum(lengths) / len(lengths) if lengths else 0.0
        players = len(hidden)
        slow = recorded_in > LONG and steps > 0
        if slow:
            per_step = recorded_in / sum(lengths)
        else:
            per_step = _seconds_per_step(policy, recording, env, bounds) / parallel_parts(workers)
        work = fitting_work(steps, players, per_step, seconds, seeds)
        wanted = max(work.seeds, before)
        if not wanted:
            reason = (
                f"hiding each of {plural(players, 'feature')} at {FEWEST} seeds would take about "
                f"{ceil(work.seconds):,} s, and {seconds:g} s are allowed"
            )
            return None, _left_out(reason)
        if wanted < seeds:
            say(f"ablate {policy.source.name}: {wanted} of {seeds} seeds, to keep to {seconds:g} s", show=progress)
        most = max(wanted, work.most)
        return ablate(policy, recording, env, seeds=wanted, most=most, **options), ""
    except RltoolsError as error:
        return None, _left_out(str(error))


def _left_out(reason: str) -> str:
    warnings.warn(f"nothing was measured: {reason}", NotMeasuredWarning, stacklevel=4)
    return reason


def _seconds_per_step(policy: Policy, recording: Recording, env: Environment | None, bounds: Bounds) -> float:
    """How long a step takes beyond what a recording takes anyway, of episodes that are recorded and thrown away."""

    def seconds(most_steps: int) -> tuple[float, int]:
        with TemporaryDirectory() as folder:
            begun = perf_counter()
            again = record(
                policy,
                env,
                episodes=TRIED,
                seed=recording.header.seed,
                max_steps=most_steps,
                directory=Path(folder) / "run",
                bounds=bounds,
            )
            return perf_counter() - begun, sum(outcome.steps for outcome in again.outcomes())

    (anyway, few), (all_of_it, many) = seconds(1), seconds(recording.header.max_steps)
    return max(all_of_it - anyway, 0.0) / max(1, many - few)


def _seeds_before(recording: Recording, hidden: Sequence[str]) -> tuple[int, int]:
    """At how many seeds every feature was hidden before, and up to how many the leaders were raced."""
    losses = [each.losses() for each in ablations(recording) if each.replace == REPLACEMENT]
    counts = [each.seeds for each in losses if tuple(each.players) == tuple(hidden)]
    best = max(counts, key=lambda seeds: int(min(seeds, default=0)), default=None)
    return (0, 0) if best is None else (int(min(best, default=0)), int(max(best, default=0)))
