"""Runs the episodes of a recording, in this process or, in blocks, in several."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from rltools._util.files import numbered_in, numbered_path, os_errors_as
from rltools._util.workers import Workers, in_workers, parallel_parts
from rltools.envs import Environment, make_environment
from rltools.policies.base import Policy
from rltools.policies.threads import compute_threads
from rltools.recording import Outcome, Recording
from rltools.recording.seeds import episode_seed
from rltools.recording.writers import EpisodeWriter
from rltools.rollout.act import BLOCK
from rltools.rollout.loop import run_episodes

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

FAULTS_IN_A_ROW = 3
"""Recording stops after this many faults in a row."""
SIDE_BY_SIDE, FEWER = 4 * BLOCK, BLOCK
"""How many episodes run side by side if nobody says: one call of the policy serves all of them, but more than this many
environments push each other out of the processor's caches."""
TURNS = 4
"""About how many blocks a process runs, so that none waits long for another at the end."""


def chosen_num_envs(policy: Policy, spec: EnvSpec | None, framed: Collection[int], parts: int) -> int:
    """How many episodes run side by side, for a policy and an environment; results do not depend on it for vectors.

    There are fewer where each takes much memory (images, frames, simulators that do not come with Gymnasium), and where
    several processes share the episodes.

    >>> import gymnasium, rltools
    >>> chosen_num_envs(rltools.load_policy("cartpole-ppo"), gymnasium.spec("CartPole-v1"), framed=(), parts=1)
    64
    """
    is_small = spec is not None and str(spec.entry_point).startswith("gymnasium.envs.")
    is_vector = len(policy.features.shape) == 1
    return SIDE_BY_SIDE if is_small and is_vector and not framed and parts <= 1 else FEWER


@dataclass(frozen=True)
class RecordingSetting:
    """Everything that the episodes of a recording depend on, besides their numbers.

    Attributes:
        policy: the policy that acts.
        environment: in which it acts.
        recording: which the episodes belong to.
        framed: the numbers of the episodes that get frames.
        num_envs: how many episodes run side by side.
        threads: torch's threads; None is as `compute_threads` decides.
    """

    policy: Policy
    environment: Environment
    recording: Recording
    framed: Collection[int]
    num_envs: int
    threads: int | None

    def open_writer(self, number: int) -> tuple[EpisodeWriter, bool]:
        """The writer of an episode, and whether it has frames."""
        folder = self.recording.directory
        frames = numbered_path(folder / "frames", number) if number in self.framed else None
        return EpisodeWriter(numbered_path(folder / "episodes", number), frames, self.recording.seal), bool(frames)


def run_here(
    setting: RecordingSetting, numbers: Sequence[int], advance: Callable[[int], None]
) -> Generator[Outcome, None, None]:
    """Run episodes in this process; yields the outcome of each once it is written."""
    header = setting.recording.header
    outcomes = run_episodes(
        setting.policy,
        numbers,
        lambda has_frames: make_environment(setting.environment, render_mode="rgb_array" if has_frames else None),
        setting.open_writer,
        seed_of=lambda number: episode_seed(header.seeds, header.seed, number),
        num_envs=min(setting.num_envs, max(1, len(numbers))),
        deterministic=header.deterministic,
        max_steps=header.max_steps,
        value_head=header.value_head,
    )
    with compute_threads(setting.policy, setting.num_envs, setting.threads), closing(outcomes):
        for outcome in outcomes:
            advance(1)
            yield outcome


def run_in_workers(
    setting: RecordingSetting, numbers: Sequence[int], workers: Workers, advance: Callable[[int], None]
) -> Generator[Outcome, None, None]:
    """Run blocks of episodes in other processes, which write them; yields the outcomes block by block.

    Raises:
        ArgumentError: the policy or the environment cannot be sent to another process.
        SimulationError: another process ended before its episodes did.
    """
    folder, left = setting.recording.directory.absolute(), set(numbers)

    def look() -> None:
        done = left & numbered_in(folder / "episodes")
        left.difference_update(done)
        advance(len(done))

    parts = parallel_parts(workers)
    # Blocks that fill the rows of the policy's passes, but enough of them for all.
    size = min(max(setting.num_envs, ceil(len(numbers) / (TURNS * parts))), ceil(len(numbers) / parts))
    blocks = [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]
    shared = replace(setting, recording=replace(setting.recording, directory=folder, keep_alive=None))
    with in_workers(workers, _run_block, shared, blocks, look) as results:
        for _, outcomes in results:
            yield from outcomes
    look()


def _run_block(setting: RecordingSetting, numbers: list[int]) -> list[Outcome]:
    """Run in a worker process: the outcomes of a block of episodes, up to the last of several faults in a row."""
    outcomes: list[Outcome] = []
    with os_errors_as(setting.recording.directory), closing(run_here(setting, numbers, lambda count: None)) as running:
        for outcome in running:
            outcomes.append(outcome)
            if len(outcomes) >= FAULTS_IN_A_ROW and all(each.fault for each in outcomes[-FAULTS_IN_A_ROW:]):
                break
    return outcomes
