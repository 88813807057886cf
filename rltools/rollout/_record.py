"""Step environments with a policy, and keep the episodes."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Collection
from contextlib import closing
from operator import index
from pathlib import Path
from typing import Any, NoReturn

from rltools._util.files import numbered, numbered_path, os_errors_as
from rltools._util.limits import MAX_EPISODES, MAX_SEED, MAX_STEPS, MAX_THREADS, check_count
from rltools._util.lock import check_kept, folder_lock
from rltools._util.progress import progress_bar
from rltools.envs import Environment, environment_spec, make_environment, spec_from_json
from rltools.errors import ArgumentError, FaultError, RecordingError, argument
from rltools.policies.base import Policy, check_is_policy
from rltools.policies.bounds import Bounds, check_bounds
from rltools.policies.threads import compute_threads
from rltools.recording import Outcome, Recording, as_path, open_recording
from rltools.recording.seeds import episode_seed
from rltools.recording.writers import EpisodeWriter, FrameWriter
from rltools.rollout._running import Writer
from rltools.rollout._stepping import Rollout
from rltools.rollout.env_check import examine
from rltools.rollout.settings import check_settings, header_of, header_path, settle

STEP_LIMIT = 10_000
"""For environments that name none of their own."""
FAULTS_IN_A_ROW = 3


class OutsideSpaceWarning(UserWarning):
    """Observations lay outside the space that the policy was trained with."""


def record(
    policy: Policy,
    env: Environment | None = None,
    *,
    episodes: int = 20,
    seed: int = 0,
    num_envs: int = 16,
    directory: str | Path | None = None,
    frames: bool | Collection[int] = False,
    deterministic: bool = True,
    max_steps: int | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    bounds: Bounds = "same",
) -> Recording:
    """Let a policy act in an environment, and keep whole episodes.

    Each episode has a freshly made environment and its own seed, and is kept as one file as soon as it ends. With
    vector observations, episode i is the same to the last bit whatever `num_envs` is, on one machine and one thread, as
    by default. Where the folder already holds a recording of the same settings, only what is missing is added.

    Args:
        policy: what acts; see `load_policy`.
        env: an id, an `EnvSpec`, an environment or a function that makes one; None is the agent's own. Of an
            environment others are made like it, with the statistics of observations that its `NormalizeObservation`
            has learned by now, frozen; they are kept with the recording.
        episodes: how many.
        seed: of the first episode; the others have seeds drawn from it, so that recordings from different seeds share
            no episode, and agents that are recorded from the same seed have the same ones.
        num_envs: episodes that run side by side.
        directory: where the recording is kept; None keeps it in a temporary folder as long as it is in use.
        frames: whether pictures are kept, or of which episodes; also for episodes that were recorded without.
        deterministic: the policy's best action; False draws from its distribution, with a generator per episode.
        max_steps: ends an episode that does not end by itself; None is the environment's own limit, or 10,000.
        overwrite: delete what `directory` holds of an earlier recording, whatever its settings, and record anew.
        threads: of torch, meanwhile; None is 1, and torch's own number for pictures where a pass through the network is
            large.
        progress: show a progress bar.
        bounds: "any" where the environment is meant to have other bounds than those that the policy was trained with.

    Returns:
        The recording.

    Raises:
        ArgumentError: a number below 1 or far beyond what can be recorded, a seed below 0, no environment to step, or
            what is no policy, no path or no number at all.
        MismatchError: the environment's spaces or their bounds are not those of the policy.
        SimulationError: the environment cannot be made, has statistics of observations that start from nothing, or
            carries something from episode to episode that is lost when it is made anew.
        ConflictError: the folder holds a recording of other settings, or another process writes there.
        RecordingError: the folder cannot be written to.
        FaultError: an environment raised, or gave NaN; the partial episodes are kept and marked, everything else is as
            usual, and the recording is in the error's `recording`. Three faults in a row end it at once.

    Example:
        >>> import rltools
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=2)
        >>> [outcome.total_reward for outcome in recording.outcomes()]
        [500.0, 500.0]
    """
    check_is_policy(policy)
    check_count("episodes", episodes, most=MAX_EPISODES)
    check_count("num_envs", num_envs, most=MAX_EPISODES)
    check_count("seed", seed, least=0, most=MAX_SEED)
    if max_steps is not None:
        check_count("max_steps", max_steps, most=MAX_STEPS)
    if threads is not None:
        check_count("threads", threads, most=MAX_THREADS)
    if not isinstance(deterministic, bool):
        raise ArgumentError(f"deterministic is {deterministic!r:.80}; it must be True or False")
    drawn = range(episodes) if frames is True else _numbers(frames)
    if out_of_space := [number for number in drawn if not 0 <= number < episodes]:
        raise ArgumentError(f"frames asked of episodes {out_of_space}; there are 0 to {episodes - 1}")
    check_bounds(bounds)
    environment = _environment(policy, env)
    meant: Bounds = "any" if getattr(policy, "bounds", "same") == "any" else bounds
    examined = examine(policy, environment, meant)
    spec = environment_spec(environment)
    if max_steps is None:
        max_steps = (spec.max_episode_steps if spec else None) or STEP_LIMIT
    header = header_of(policy, spec, seed, deterministic, max_steps, layers=examined.layers, notes=examined.notes)
    folder, keep_alive = _temporary_folder() if directory is None else (as_path(directory, "directory"), None)
    if not overwrite and header_path(folder).is_file():
        check_settings(folder, header)
        recording = open_recording(folder)
        if not _missing(recording, episodes, drawn):
            return recording  # nothing is written, so that the folder need not allow it
    # Vectors on one thread, whose tiny products torch would split by the machine's mood.
    count = threads or (1 if len(policy.features.shape) == 1 else None)
    with folder_lock(folder), os_errors_as(folder), compute_threads(policy, num_envs, count):
        settle(folder, header, overwrite=overwrite)
        recording = dataclasses.replace(open_recording(folder), keep_alive=keep_alive)
        there = set(recording.numbers)
        missing = _missing(recording, episodes, drawn)
        rollout = Rollout(
            policy,
            lambda with_frames: make_environment(_bare(environment), render_mode="rgb_array" if with_frames else None),
            _writers(recording, there, set(drawn)),
            seed_of=lambda number: episode_seed(recording.header.seeds, seed, number),
            num_envs=min(num_envs, max(1, len(missing))),
            deterministic=deterministic,
            max_steps=max_steps,
        )
        with progress_bar(_doing(policy, missing, there), len(missing), show=progress, unit="episode") as advance:
            try:
                _drain(rollout, missing, advance, recording)
            except FaultError as error:
                error.recording = recording
                raise
        rooms = {"episodes": missing, "frames": [number for number in missing if number in drawn]}
        kept = [numbered_path(folder / room, number) for room, numbers in rooms.items() for number in numbers]
        check_kept(folder, [header_path(folder), *kept])
    return recording


def _missing(recording: Recording, episodes: int, drawn: Collection[int]) -> list[int]:
    """The numbers of episodes that are to be recorded, or whose frames are."""
    there, framed = set(recording.numbers), set(numbered(recording.directory / "frames"))
    return [n for n in range(episodes) if n not in there or (n in drawn and n not in framed)]


def _doing(policy: Policy, missing: list[int], there: set[int]) -> str:
    return f"{'draw' if missing and there >= set(missing) else 'record'} {policy.source.name}"


def _temporary_folder() -> tuple[Path, _Removed]:
    with os_errors_as(Path("a temporary folder")):
        folder = Path(tempfile.mkdtemp(prefix="rltools-"))
    return folder, _Removed(folder)


def _numbers(frames: Any) -> list[int]:
    """The numbers of the episodes of which pictures are kept.

    Raises:
        ArgumentError: something else is among them.
    """
    if frames is None or frames is False:
        return []
    try:
        return sorted(index(number) for number in frames)
    except TypeError:
        raise ArgumentError(
            f"frames is {frames!r:.80}; it must be True, False or a list of numbers of episodes, for instance [0, 3]"
        ) from None


def _environment(policy: Policy, env: Environment | None) -> Environment:
    if env is not None:
        return env
    given: Environment | None = getattr(policy, "environment", None)
    if given is not None:
        return given
    if policy.source.environment is None:
        why = [note for note in policy.source.notes if "environment" in note or note.startswith("trained on")]
        raise ArgumentError(
            f"{policy.source.name} has no environment to act in; name one: {argument('env')}"
            + (f" ({'; '.join(why)})" if why else ", because nothing says which it was trained on")
        )
    return spec_from_json(policy.source.environment)


def _bare(environment: Environment) -> Environment:
    """Without the wrapper that makes sure of a reset before a step, which costs a part of every cheap step."""
    spec = environment_spec(environment)
    return environment if spec is None else dataclasses.replace(spec, order_enforce=False)


def _writers(recording: Recording, there: set[int], drawn: set[int]) -> Callable[[int], tuple[Writer, bool]]:
    def open_writer(number: int) -> tuple[Writer, bool]:
        frames = numbered_path(recording.directory / "frames", number) if number in drawn else None
        if number in there and frames is not None:
            return FrameWriter(recording.episode(number), frames, recording.identity(number)), True
        episode = numbered_path(recording.directory / "episodes", number)
        return EpisodeWriter(episode, frames, recording.seal), frames is not None

    return open_writer


def _drain(rollout: Rollout, missing: list[int], advance: Callable[[int], None], recording: Recording) -> None:
    """Run to the end, or to the third fault in a row; then say what went wrong.

    Raises:
        FaultError: something did.
    """
    faults: list[Outcome] = []
    in_a_row = out_of_space = 0
    with closing(rollout.run(missing)) as outcomes:
        for outcome in outcomes:
            advance(1)
            out_of_space += outcome.out_of_space
            in_a_row = in_a_row + 1 if outcome.fault else 0
            faults += [outcome] if outcome.fault else []
            if in_a_row == FAULTS_IN_A_ROW:
                break
    if out_of_space:
        warnings.warn(
            f"{out_of_space} observations lay outside the space that the policy was trained with; kept as they came",
            OutsideSpaceWarning,
            stacklevel=3,
        )
    if faults:
        first = faults[0]
        # Episodes that ended in the same round as the third fault are kept too.
        ended = sum(bool(outcome.fault) for outcome in recording.outcomes() if outcome.number in missing)
        stopped = " Three in a row: stopped." if in_a_row == FAULTS_IN_A_ROW else ""
        raise FaultError(
            f"{ended} of {len(missing)} episodes ended by a fault; the first, episode {first.number} (seed "
            f"{first.seed}): {first.fault}.{stopped} {len(recording)} episodes are kept in {recording.directory}, "
            f"those with a fault up to there and marked"
        )


class _Removed:
    """A temporary folder that goes when nothing refers to its recording any more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Removed:
        """A copied recording is of the same folder, which goes with the last of them."""
        return self

    def __reduce__(self) -> NoReturn:
        """Of a pickle nobody knows when it is read.

        Raises:
            RecordingError: always.
        """
        raise RecordingError(
            f"this recording lies in a temporary folder, {self._folder}, which goes with it, so that a pickle of it "
            f"would be empty; record(..., directory=...) keeps it, and rltools.open_recording opens it anywhere"
        )
