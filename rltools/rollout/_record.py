"""Step environments with a policy, and keep the episodes."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

from rltools.environments import Environment, environment_spec, make_environment, spec_from_json
from rltools.errors import ArgumentError, FaultError
from rltools.policies._surroundings import check_match, look_at
from rltools.policy import Policy
from rltools.progress import progress_bar
from rltools.recording import Outcome, Recording
from rltools.recording._files import cause_named, numbered, numbered_path, sole_writer
from rltools.recording._writers import EpisodeWriter, FrameWriter
from rltools.rollout._running import Writer
from rltools.rollout._settings import header_of, settle
from rltools.rollout._stepping import Rollout
from rltools.threads import compute_threads

STEP_LIMIT = 10_000
"""For environments that name none of their own."""
FAULTS_IN_A_ROW = 3


class OutsideSpaceWarning(UserWarning):
    """Observations lay outside the space that the environment declares."""


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
) -> Recording:
    """Let a policy act in an environment, and keep whole episodes.

    Each episode has a freshly made environment and its own seed, `seed` plus its number, and is kept as one file as
    soon as it ends. With vector observations, episode i is the same to the last bit whatever `num_envs` is, on one
    machine and one thread, as by default. Where the folder already holds a recording of the same settings, only what is
    missing is added.

    Args:
        policy: what acts; see `load_policy`.
        env: an id, an `EnvSpec` or a function that makes an environment; None is the agent's own.
        episodes: how many.
        seed: of the first episode.
        num_envs: episodes that run side by side.
        directory: where the recording is kept; None keeps it in a temporary folder as long as it is in use.
        frames: whether pictures are kept, or of which episodes; also for episodes that were recorded without.
        deterministic: the policy's best action; False draws from its distribution, with a generator per episode.
        max_steps: ends an episode that does not end by itself; None is the environment's own limit, or 10,000.
        overwrite: delete what `directory` holds of an earlier recording, whatever its settings, and record anew.
        threads: of torch, meanwhile; None is 1, and torch's own number for pictures where a pass through the network is
            large.
        progress: show a progress bar.

    Returns:
        The recording.

    Raises:
        ArgumentError: a number below 1, a seed below 0, or no environment to step.
        MismatchError: the environment's spaces are not those of the policy.
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
    if not isinstance(policy, Policy):
        raise ArgumentError(
            f"policy is a {type(policy).__name__}; make it a policy with rltools.load_policy(...), or "
            f"rltools.TorchPolicy(...) around a network of your own"
        )
    for name, number in (
        ("episodes", episodes),
        ("num_envs", num_envs),
        ("max_steps", max_steps),
        ("threads", threads),
    ):
        if number is not None and number < 1:
            raise ArgumentError(f"{name} is {number}; it must be at least 1")
    if seed < 0:
        raise ArgumentError(f"seed is {seed}; it must be at least 0")
    drawn = range(episodes) if frames is True else sorted(frames or ())
    if outside := [number for number in drawn if not 0 <= number < episodes]:
        raise ArgumentError(f"frames asked of episodes {outside}; there are 0 to {episodes - 1}")
    environment = _environment(policy, env)
    spec = environment_spec(environment)
    _check_fit(policy, environment)
    if max_steps is None:
        max_steps = (spec.max_episode_steps if spec else None) or STEP_LIMIT
    header = header_of(policy, spec, seed, deterministic, max_steps)
    folder, keep_alive = _temporary_folder() if directory is None else (Path(directory), None)
    # Vectors on one thread, whose tiny products torch would split by the machine's mood.
    count = threads or (1 if len(policy.features.shape) == 1 else None)
    with sole_writer(folder), cause_named(folder), compute_threads(policy, num_envs, count):
        recording = Recording(folder, settle(folder, header, overwrite=overwrite), keep_alive)
        there = set(recording.numbers)
        framed = set(numbered(folder / "frames"))
        missing = [n for n in range(episodes) if n not in there or (n in drawn and n not in framed)]
        rollout = Rollout(
            policy,
            lambda with_frames: make_environment(_bare(environment), render_mode="rgb_array" if with_frames else None),
            _writers(recording, there, set(drawn)),
            seed=seed,
            num_envs=min(num_envs, max(1, len(missing))),
            deterministic=deterministic,
            max_steps=max_steps,
        )
        with progress_bar(_doing(policy, missing, there), len(missing), shown=progress, unit="episode") as advance:
            try:
                _drain(rollout, missing, advance, recording)
            except FaultError as error:
                error.recording = recording
                raise
    return recording


def _doing(policy: Policy, missing: list[int], there: set[int]) -> str:
    return f"{'draw' if missing and there >= set(missing) else 'record'} {policy.source.name}"


def _temporary_folder() -> tuple[Path, _Removed]:
    with cause_named(Path("a temporary folder")):
        folder = Path(tempfile.mkdtemp(prefix="rltools-"))
    return folder, _Removed(folder)


def _environment(policy: Policy, env: Environment | None) -> Environment:
    if env is not None:
        return env
    if policy.source.environment is None:
        why = [note for note in policy.source.notes if "environment" in note or note.startswith("trained on")]
        raise ArgumentError(
            f"{policy.source.name} has no environment to act in; name one: env= or --env"
            + (f" ({'; '.join(why)})" if why else ", because nothing says which it was trained on")
        )
    return spec_from_json(policy.source.environment)


def _bare(environment: Environment) -> Environment:
    """Without the wrapper that makes sure of a reset before a step, which costs a part of every cheap step."""
    spec = environment_spec(environment)
    return environment if spec is None else dataclasses.replace(spec, order_enforce=False)


def _check_fit(policy: Policy, environment: Environment) -> None:
    check_match(policy.source.name, policy.observation_space, policy.action_space, look_at(environment, names=False))


def _writers(recording: Recording, there: set[int], drawn: set[int]) -> Callable[[int], tuple[Writer, bool]]:
    def open_writer(number: int) -> tuple[Writer, bool]:
        frames = numbered_path(recording.directory / "frames", number) if number in drawn else None
        if number in there and frames is not None:
            return FrameWriter(recording.episode(number), frames), True
        return EpisodeWriter(numbered_path(recording.directory / "episodes", number), frames), frames is not None

    return open_writer


def _drain(rollout: Rollout, missing: list[int], advance: Callable[[int], None], recording: Recording) -> None:
    """Run to the end, or to the third fault in a row; then say what went wrong.

    Raises:
        FaultError: something did.
    """
    faults: list[Outcome] = []
    in_a_row = outside = 0
    with closing(rollout.run(missing)) as outcomes:
        for outcome in outcomes:
            advance(1)
            outside += outcome.outside
            in_a_row = in_a_row + 1 if outcome.fault else 0
            faults += [outcome] if outcome.fault else []
            if in_a_row == FAULTS_IN_A_ROW:
                break
    if outside:
        warnings.warn(
            f"{outside} observations lay outside the space that the environment declares; they are kept as they came",
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
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
