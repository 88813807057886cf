"""Keeps track of episodes that run side by side: their slots, buffers and files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import torch

from rltools._util.files import uninterrupted
from rltools.errors import SimulationError
from rltools.policies.base import Policy
from rltools.recording import Outcome
from rltools.recording.writers import WRITERS, EpisodeWriter
from rltools.rollout.act import allowed_actions, padded_rows
from rltools.rollout.faults import checked_reset, error_text, observation_fault
from rltools.rollout.observations import CurrentObservations
from rltools.rollout.render import frames_per_second
from rltools.rollout.state_values import state_values

BLOCK_BYTES = 1 << 18
"""Bytes of observations that are buffered per episode before they are written."""
UNWRITTEN = 15
"""Most episodes that have ended and whose files are not in place yet; fewer than run side by side."""


@dataclass
class RunningEpisode:
    """An episode that has not ended.

    Attributes:
        number: the number of the episode.
        seed: the seed that its environment was reset with.
        env: its environment.
        writer: the writer of its files.
        has_frames: whether a frame is rendered before each step.
        slot: its row in the buffers.
        rng: the generator for sampled actions.
        frames_per_second: the rate of its frames.
        first_round: the round of its first step.
        steps: how many steps were taken so far.
        flushed: how many of these the writer has.
        total_reward: the total reward of the steps so far.
        terminated: whether its last step terminated it.
        truncated: whether its last step truncated it.
        out_of_space: how many flushed observations were outside their space.
        frames: the frames of the steps that are not flushed.
        step: the environment's method `step`, looked up once.
    """

    number: int
    seed: int
    env: gymnasium.Env[Any, Any]
    writer: EpisodeWriter
    has_frames: bool
    slot: int
    rng: np.random.Generator
    frames_per_second: float
    first_round: int
    steps: int = 0
    flushed: int = 0
    total_reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    out_of_space: int = 0
    frames: list[bytes] = field(default_factory=list)
    step: Callable[[Any], tuple[Any, Any, Any, Any, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Look up the method that every step calls."""
        self.step = self.env.step

    def outcome(self, ended: str, fault: str) -> Outcome:
        """The outcome, once the episode has ended."""
        return Outcome(self.number, self.seed, self.steps, self.total_reward, ended, fault, self.out_of_space)

    def close(self) -> None:
        """Close its environment; a failure is ignored, because the episode has been written."""
        with suppress(Exception):
            self.env.close()


Steps = tuple[dict[str, np.ndarray], float | None]
"""Columns `[step, ...]` of an episode, and the value of the state after the last step; see `_new_steps`."""


class RunningEpisodes:
    """Episodes that run side by side.

    Steps are stored in buffers `[round % block, slot, ...]`: a round writes one row of each, whatever episodes run.

    Attributes:
        episodes: the episodes in the order of their slots.
        slots: the slots of the episodes; a slice if no slot between them is free.
        observations: the current observation of each slot.
        extras: other inputs of the policy per slot, by column: `mask`, bool `[slot, action]`; `state`, `[slot, state]`.
    """

    def __init__(
        self,
        policy: Policy,
        open_env: Callable[[bool], gymnasium.Env[Any, Any]],
        open_writer: Callable[[int], tuple[EpisodeWriter, bool]],
        seed_of: Callable[[int], int],
        num_envs: int,
        value_head: str = "",
    ) -> None:
        self._policy, self._open_env, self._open_writer, self._seed_of = policy, open_env, open_writer, seed_of
        self._value_head = value_head
        rows = padded_rows(policy, num_envs)
        self.observations: CurrentObservations = CurrentObservations(policy.observation_space, rows)
        self.extras: dict[str, np.ndarray] = _extras(policy, rows)
        self.episodes: list[RunningEpisode] = []
        self.slots: slice | np.ndarray = slice(0, 0)
        self._block = int(np.clip(BLOCK_BYTES // self.observations.row_bytes, 16, 1024))
        self._buffers = _buffers(policy, self.observations, self.extras, (self._block, num_envs))
        self._round, self._next_flush = 0, self._block
        self._free = list(reversed(range(num_envs)))
        self._most_unwritten = min(UNWRITTEN, num_envs - 1)
        self._writers, self._unwritten = ThreadPoolExecutor(WRITERS), deque[tuple[RunningEpisode, Future[Outcome]]]()

    def begin(self, waiting: Iterator[int]) -> Iterator[Outcome]:
        """Begin waiting episodes while there are free slots; yields outcomes if some of them fail immediately."""
        while self._free and (number := next(waiting, None)) is not None:
            writer, has_frames = self._open_writer(number)
            seed = self._seed_of(number)
            rng = np.random.default_rng([seed, 1])  # not the environment's own stream
            env = self._open_env(has_frames)
            if any(env is other.env for other in self.episodes):
                raise SimulationError(
                    f"the same environment was returned twice ({env}), and each episode needs its own; pass a "
                    f"function that makes a new one at every call"
                )
            rate = frames_per_second(env)
            episode = RunningEpisode(
                number, seed, env, writer, has_frames, self._free.pop(), rng, rate, first_round=self._round
            )
            self.episodes.append(episode)
            self._update_slots()
            try:
                observation, info = checked_reset(episode.env.reset(seed=seed))
                self.receive(episode, observation, info)
            except Exception as error:
                fault = f"reset failed: {error_text(error)}"
                self.end({episode.slot: ("fault", fault)}, observed=False)
                yield from self.written()
                continue
            if not self.observations.seem_finite() and (fault := self.observation_fault(episode)):
                self.end({episode.slot: ("fault", fault)})
                yield from self.written()

    def receive(self, episode: RunningEpisode, observation: Any, info: dict[str, Any]) -> None:
        """Store the observation that an episode's environment returned, and which actions it allows next."""
        self.observations.receive(episode.slot, observation)
        if self._policy.masked:
            self.extras["mask"][episode.slot] = allowed_actions(episode.env, info, self._policy)

    def store_decision(self, actions: np.ndarray, scores: np.ndarray, state: np.ndarray | None) -> None:
        """Store the inputs of each episode's next step, and its action, scores and next recurrent state."""
        row, slots = self._round % self._block, self.slots
        self.observations.store(self._buffers, row, slots)
        for name, values in self.extras.items():
            self._buffers[name][row, slots] = values[slots]
        if state is not None:
            self.extras["state"][slots] = state
        self._buffers["action"][row, slots] = actions
        self._buffers["score"][row, slots] = scores

    def store_rewards(self, rewards: list[float]) -> None:
        """Store the rewards, which complete a round, and pass full blocks to the writers."""
        self._buffers["reward"][self._round % self._block, self.slots] = rewards
        self._round += 1
        if self._round >= self._next_flush:
            for episode in self.episodes:  # each counts its blocks from its own first step
                if episode.steps - episode.flushed >= self._block:
                    self._flush(episode, self._new_steps(episode)[0])
            self._update_next_flush()

    def observation_fault(self, episode: RunningEpisode) -> str:
        """The fault in an episode's current observation; "" if it is finite."""
        return observation_fault(self._policy, self.observations.batch(np.array([episode.slot])), episode.steps)

    def end(self, endings: dict[int, tuple[str, str]], *, observed: bool = True) -> None:
        """Free the slots of the episodes that ended, which are written in the background; see `written`.

        Args:
            endings: how the episode in each slot ended, and its fault.
            observed: whether an observation followed the last action.
        """

        def write(episode: RunningEpisode, steps: Steps, final: dict[str, np.ndarray] | None) -> Outcome:
            block, final_value = steps
            self._flush(episode, block)
            outcome = episode.outcome(*endings[episode.slot])
            episode.writer.finish(outcome, final, episode.frames_per_second, final_value)
            return outcome

        leaving = [episode for episode in self.episodes if episode.slot in endings]
        # Values are computed in this thread: in others torch would have another number of threads.
        steps = [self._new_steps(episode, endings[episode.slot][0]) for episode in leaving]
        final = [self.observations.row(episode.slot) if observed else None for episode in leaving]
        with uninterrupted():
            for episode, new_steps, last in zip(leaving, steps, final, strict=True):
                self._unwritten.append((episode, self._writers.submit(write, episode, new_steps, last)))
            self.episodes = [episode for episode in self.episodes if episode.slot not in endings]
        for episode in leaving:
            self.observations.clear(episode.slot)
            if "state" in self.extras:
                self.extras["state"][episode.slot] = 0
            self._free.append(episode.slot)
        self._update_slots()

    def written(self, *, every: bool = True) -> Iterator[Outcome]:
        """The outcomes of episodes whose files are in place, in the order in which the episodes ended.

        An environment is closed once its episode is written.

        Args:
            every: whether to wait for all that have ended; a few may still be written otherwise.
        """
        most = 0 if every else self._most_unwritten
        while self._unwritten and (len(self._unwritten) > most or self._unwritten[0][1].done()):
            outcome = self._unwritten[0][1].result()
            self._unwritten.popleft()[0].close()
            yield outcome

    def close(self) -> None:
        """Close all environments, after waiting for episodes that have ended; of the others no file is left."""
        self._writers.shutdown()
        for episode in [*self.episodes, *(episode for episode, _ in self._unwritten)]:
            episode.close()
        for episode in self.episodes:
            episode.writer.abandon()

    def _new_steps(self, episode: RunningEpisode, ended: str = "") -> Steps:
        """The columns `[step, ...]` of the steps that an episode's writer does not have, with their values.

        The second result is the value of the state after the last step, once the episode has ended; NaN after a fault,
        None if there are no values.
        """
        rows = np.arange(episode.first_round + episode.flushed, episode.first_round + episode.steps) % self._block
        block = {name: column[rows, episode.slot] for name, column in self._buffers.items()}
        for name, flag in (("terminated", episode.terminated), ("truncated", episode.truncated)):
            block[name] = np.zeros(len(rows), bool)
            block[name][-1:] = flag
        if not self._value_head:
            return block, None
        last = None
        if ended not in ("", "fault"):
            row = {name: column[episode.slot] for name, column in self.extras.items()}
            last = {name: value[None] for name, value in (row | self.observations.row(episode.slot)).items()}
        values = np.zeros(0, np.float32)
        if len(rows) or last is not None:
            values = state_values(self._policy, self._value_head, block, last)
        block["value"] = values[: len(rows)]
        return block, float("nan") if last is None else float(values[-1])

    def _flush(self, episode: RunningEpisode, block: dict[str, np.ndarray]) -> None:
        """Pass an episode's new steps to its writer."""
        episode.out_of_space += self.observations.out_of_space(block)
        episode.writer.write(block, episode.frames)
        episode.frames, episode.flushed = [], episode.steps

    def _update_slots(self) -> None:
        self.episodes.sort(key=lambda episode: episode.slot)
        slots = [episode.slot for episode in self.episodes]
        dense = slots == list(range(len(slots)))
        self.slots = slice(0, len(slots)) if dense else np.array(slots, np.int64)
        self._update_next_flush()

    def _update_next_flush(self) -> None:
        """The round in which the next block is full."""
        oldest = min((episode.first_round + episode.flushed for episode in self.episodes), default=self._round)
        self._next_flush = oldest + self._block


def _extras(policy: Policy, slots: int) -> dict[str, np.ndarray]:
    """See `RunningEpisodes.extras`; at first all actions are allowed, and states are zeros."""
    extras: dict[str, np.ndarray] = {}
    if policy.masked:
        extras["mask"] = np.ones((slots, len(policy.action_names)), bool)
    if policy.state_size:
        extras["state"] = np.zeros((slots, policy.state_size), _scores_dtype(policy))
    return extras


def _buffers(
    policy: Policy, observations: CurrentObservations, extras: dict[str, np.ndarray], shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Zeros `[round, slot, ...]` for each column of a step; `shape` is the number of rounds and slots."""
    buffers = {
        **observations.buffers(*shape),
        "action": np.zeros((*shape, *(policy.action_space.shape or ())), policy.action_space.dtype),
        "score": np.zeros((*shape, len(policy.action_names)), _scores_dtype(policy)),
        "reward": np.zeros(shape),
    }
    for name, values in extras.items():
        buffers[name] = np.zeros((*shape, *values.shape[1:]), values.dtype)
    return buffers


def _scores_dtype(policy: Policy) -> np.dtype[np.floating]:
    dtype: np.dtype[np.floating] = torch.zeros(0, dtype=policy.dtype).numpy().dtype
    return dtype
