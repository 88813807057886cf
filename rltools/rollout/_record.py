"""Records episodes: steps environments with a policy, and writes every step."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from operator import index
from pathlib import Path
from typing import Any

from rltools._util.files import numbered, numbered_path, os_errors_as
from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, MAX_THREADS, check_count
from rltools._util.lock import check_kept, folder_lock
from rltools._util.progress import progress_bar
from rltools._util.workers import Workers, check_workers, parallel_parts, start_workers
from rltools.envs import Environment, environment_spec
from rltools.errors import ArgumentError, FaultError
from rltools.policies.base import Policy, check_is_policy
from rltools.policies.bounds import Bounds, check_bounds
from rltools.recording import Outcome, Recording, as_path, open_recording
from rltools.recording.folders import temporary_folder
from rltools.rollout._blocks import (
    FAULTS_IN_A_ROW,
    RecordingSetting,
    chosen_num_envs,
    run_here,
    run_in_workers,
)
from rltools.rollout.env_check import environment_of, examine, without_order_check
from rltools.rollout.render import draw_episodes
from rltools.rollout.settings import STEP_LIMIT, check_settings, header_of, header_path, settle


class OutsideSpaceWarning(UserWarning):
    """Observations were outside the space that the policy was trained with."""


def record(
    policy: Policy,
    env: Environment | None = None,
    *,
    episodes: int = 20,
    seed: int = 0,
    num_envs: int | None = None,
    directory: str | Path | None = None,
    frames: bool | Collection[int] = False,
    deterministic: bool = True,
    max_steps: int | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    workers: Workers = 1,
    progress: bool = False,
    bounds: Bounds = "same",
) -> Recording:
    """Let a policy act in an environment, and record whole episodes.

    Each episode has a freshly made environment and its own seed, and becomes one file as soon as it ends. With vector
    observations, episode i is the same to the last bit whatever `num_envs` and `workers` are, on one machine and with
    one thread, the default. If the folder already holds a recording with the same settings, only what is missing is
    added.

    Args:
        policy: the policy that acts; see `load_policy`.
        env: an id, an `EnvSpec`, an environment or a function that makes one; None is the agent's own. A single
            environment is copied by its specification, with the current statistics of its `NormalizeObservation`,
            frozen; they are recorded too. A vector of environments, of Gymnasium or Stable-Baselines3, stands for one
            of them.
        episodes: how many episodes to record.
        seed: the seed of the first episode; the seeds of the others are derived from it, so that recordings from
            different seeds share no episode, and agents recorded from the same seed have the same ones.
        num_envs: how many episodes run side by side; None is 64 for vector observations of an environment that comes
            with Gymnasium, and 16 where each may take much memory.
        directory: the folder of the recording; None is a temporary folder that lives as long as the recording.
        frames: whether to record frames, or the numbers of the episodes to record them for; episodes that were recorded
            without frames get them, too.
        deterministic: take the policy's best action; False samples from its distribution, with a generator per episode.
        max_steps: the largest number of steps in an episode; None is the environment's own limit, or 10,000.
        overwrite: delete an earlier recording in `directory`, whatever its settings, and record anew.
        threads: torch's threads during the call; None is 1, and torch's own number for images if a pass through the
            network is large.
        workers: how many processes run episodes, `num_envs` side by side in each; or an executor whose workers share
            the folder. They take about three seconds to start, and wait a minute for the next call.
        progress: show a progress bar.
        bounds: "any" accepts bounds that differ from those that the policy was trained with.

    Returns:
        The recording.

    Raises:
        ArgumentError: a number is below 1 or far too large, the seed is below 0, there is no environment, an argument
            has the wrong type, or policy or environment cannot be sent to another process.
        MismatchError: the environment's spaces or their bounds are not those of the policy.
        SimulationError: the environment cannot be made, has statistics of observations that start from zero, or
            carries something from episode to episode that is lost when it is made anew; or another process ended
            before its episodes did.
        ConflictError: the folder holds a recording with other settings, or another process writes there.
        RecordingError: the folder cannot be written to.
        FaultError: an environment raised, or returned NaN; the partial episodes are recorded and marked, the others are
            complete, and the recording is the error's `recording`. Three faults in a row end it immediately.

    Example:
        >>> import rltools
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=2)
        >>> [outcome.total_reward for outcome in recording.outcomes()]
        [500.0, 500.0]
    """
    check_is_policy(policy)
    check_count("episodes", episodes, most=MAX_EPISODES)
    if num_envs is not None:
        check_count("num_envs", num_envs, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if max_steps is not None:
        check_count("max_steps", max_steps, most=MAX_STEPS)
    if threads is not None:
        check_count("threads", threads, most=MAX_THREADS)
    check_workers(workers)
    if not isinstance(deterministic, bool):
        raise ArgumentError(f"deterministic is {deterministic!r:.80}; it must be True or False")
    framed = set(range(episodes)) if frames is True else _numbers(frames)
    if out_of_range := sorted(framed - set(range(episodes))):
        raise ArgumentError(f"frames of episodes {out_of_range}; there are episodes 0 to {episodes - 1}")
    check_bounds(bounds)
    environment = environment_of(policy, env)
    if directory is None or overwrite or not header_path(as_path(directory, "directory")).is_file():
        start_workers(workers)
    effective_bounds: Bounds = "any" if getattr(policy, "bounds", "same") == "any" else bounds
    examined = examine(policy, environment, effective_bounds)
    spec = environment_spec(environment)
    if max_steps is None:
        max_steps = (spec.max_episode_steps if spec else None) or STEP_LIMIT
    header = header_of(policy, spec, seed, deterministic, max_steps, layers=examined.layers, notes=examined.notes)
    folder, keep_alive = temporary_folder() if directory is None else (as_path(directory, "directory"), None)
    if not overwrite and header_path(folder).is_file():
        check_settings(folder, header)
        recording = open_recording(folder)
        if set(range(episodes)) <= set(recording.numbers) and not _unframed(recording, framed):
            return recording  # without writing anything, so that the folder may be read-only
    # Vectors on one thread: torch would split their tiny products differently from run to run.
    count = threads or (1 if len(policy.features.shape) == 1 else None)
    with folder_lock(folder), os_errors_as(folder):
        settle(folder, header, overwrite=overwrite)
        recording = dataclasses.replace(open_recording(folder), keep_alive=keep_alive)
        unframed = _unframed(recording, framed)
        missing = sorted(set(range(episodes)) - set(recording.numbers))
        parts = parallel_parts(workers)
        num_envs = num_envs or chosen_num_envs(policy, spec, framed, parts)
        setting = RecordingSetting(policy, without_order_check(environment), recording, framed, num_envs, count)
        several = parts > 1 and len(missing) > 1
        with progress_bar(f"record {policy.source.name}", len(missing), show=progress, unit="episode") as advance:
            outcomes = (
                run_in_workers(setting, missing, workers, advance) if several else run_here(setting, missing, advance)
            )
            with closing(outcomes), _with_recording(recording):
                _drain(outcomes, missing, recording)
    with _with_recording(recording):
        draw_episodes(recording, unframed, environment, progress=progress)
    new = {"episodes": missing, "frames": [*unframed, *(number for number in missing if number in framed)]}
    files = [numbered_path(folder / name, number) for name, numbers in new.items() for number in numbers]
    check_kept(folder, [header_path(folder), *files])
    return recording


def _unframed(recording: Recording, framed: Collection[int]) -> list[int]:
    """The numbers of recorded episodes that have steps and lack the frames they should have."""
    existing = set(numbered(recording.directory / "frames"))
    numbers = [number for number in recording.numbers if number in framed and number not in existing]
    return [number for number in numbers if recording.outcome(number).steps]


@contextmanager
def _with_recording(recording: Recording) -> Iterator[None]:
    """Attach the recording to a fault, because the steps before it are recorded."""
    try:
        yield
    except FaultError as error:
        error.recording = recording
        raise


def _numbers(frames: Any) -> set[int]:
    """The numbers of the episodes that get frames.

    Raises:
        ArgumentError: `frames` is neither a bool nor numbers.
    """
    if frames is None or frames is False:
        return set()
    try:
        return {index(number) for number in frames}
    except TypeError:
        raise ArgumentError(
            f"frames is {frames!r:.80}; it must be True, False or a list of numbers of episodes, for instance [0, 3]"
        ) from None


def _drain(outcomes: Iterator[Outcome], missing: list[int], recording: Recording) -> None:
    """Run all episodes, or until the third fault in a row.

    Raises:
        FaultError: an episode ended by a fault.
    """
    faults: list[Outcome] = []
    in_a_row = out_of_space = 0
    for outcome in outcomes:
        out_of_space += outcome.out_of_space
        in_a_row = in_a_row + 1 if outcome.fault else 0
        faults += [outcome] if outcome.fault else []
        if in_a_row == FAULTS_IN_A_ROW:
            break
    if out_of_space:
        warnings.warn(
            f"{out_of_space} observations were outside the space that the policy was trained with; they are "
            f"recorded unchanged",
            OutsideSpaceWarning,
            stacklevel=3,
        )
    if faults:
        first = faults[0]
        # Episodes that ended in the same round as the third fault are recorded too.
        ended = sum(bool(outcome.fault) for outcome in recording.outcomes() if outcome.number in missing)
        stopped = " Three in a row: stopped." if in_a_row == FAULTS_IN_A_ROW else ""
        raise FaultError(
            f"{ended} of {len(missing)} episodes ended by a fault; the first, episode {first.number} (seed "
            f"{first.seed}): {first.fault}.{stopped} {len(recording)} episodes are saved in {recording.directory}, "
            f"those with a fault up to that step and marked"
        )
