"""Step single environments in one loop, the policy called once a round, and keep every step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch

from rltools.policy import Policy
from rltools.recording import Outcome
from rltools.rollout._acting import act, padded_rows
from rltools.rollout._faults import exact, observation_fault, score_fault
from rltools.rollout._frames import draw, frames_per_second

BLOCK_BYTES = 1 << 18
"""Of observations that are held per episode before they are written."""


class Writer(Protocol):
    """What keeps the steps of one episode."""

    def write(self, columns: dict[str, np.ndarray], frames: list[bytes]) -> None:
        """Append a block of steps."""
        ...

    def finish(self, outcome: Outcome, final_observation: np.ndarray | None, frames_per_second: float) -> None:
        """The episode has ended."""
        ...

    def abandon(self) -> None:
        """The episode will not end."""
        ...


@dataclass
class Running:
    """An episode under way; `slot` is its place in the buffers."""

    number: int
    seed: int
    env: gymnasium.Env[Any, Any]
    writer: Writer
    drawn: bool
    slot: int
    rng: np.random.Generator
    frames_per_second: float
    steps: int = 0
    total_reward: float = 0.0
    outside: int = 0
    frames: list[bytes] = field(default_factory=list)


class Rollout:
    """Runs episodes side by side; each is the same whatever runs beside it."""

    def __init__(
        self,
        policy: Policy,
        open_env: Callable[[bool], gymnasium.Env[Any, Any]],
        open_writer: Callable[[int], tuple[Writer, bool]],
        *,
        seed: int,
        num_envs: int,
        deterministic: bool,
        max_steps: int,
    ) -> None:
        """Prepare; `open_writer` gives an episode's writer, and whether its frames are drawn."""
        self._policy, self._open_env, self._open_writer = policy, open_env, open_writer
        self._seed, self._deterministic, self._max_steps = seed, deterministic, max_steps
        space = policy.observation_space
        shape, dtype = tuple(space.shape or ()), np.dtype(space.dtype or np.float32)
        row_bytes = max(1, int(np.prod(shape)) * dtype.itemsize)
        self._block = int(np.clip(BLOCK_BYTES // row_bytes, 16, 1024))
        self._current = np.zeros((padded_rows(policy, num_envs), *shape), dtype)
        self._low, self._high = getattr(space, "low", None), getattr(space, "high", None)
        rows = (num_envs, self._block)
        scores = torch.zeros(0, dtype=policy.dtype).numpy().dtype
        self._buffers = {
            "observation": np.zeros((*rows, *shape), dtype),
            "action": np.zeros((*rows, *(policy.action_space.shape or ())), policy.action_space.dtype),
            "score": np.zeros((*rows, len(policy.action_names)), scores),
            "reward": np.zeros(rows),
            "terminated": np.zeros(rows, bool),
            "truncated": np.zeros(rows, bool),
        }
        self._fill = np.zeros(num_envs, np.int64)
        self._running: list[Running] = []
        self._free = list(range(num_envs))
        self._padding_rng = np.random.default_rng(0)  # rows that only fill a block draw nothing from an episode's own

    def run(self, numbers: list[int]) -> Generator[Outcome, None, None]:
        """Run the episodes of these numbers; yields each one's outcome once it is kept."""
        waiting = iter(numbers)
        try:
            yield from self._start(waiting)
            while self._running:
                yield from self._round()
                yield from self._start(waiting)
        finally:
            for episode in self._running:
                _close(episode.env)
                episode.writer.abandon()

    def _start(self, waiting: Iterator[int]) -> Iterator[Outcome]:
        while self._free and (number := next(waiting, None)) is not None:
            writer, drawn = self._open_writer(number)
            seed = self._seed + number
            rng = np.random.default_rng([seed, 1])  # not the environment's own stream
            env = self._open_env(drawn)
            episode = Running(number, seed, env, writer, drawn, self._free.pop(), rng, frames_per_second(env))
            row = len(self._running)
            self._running.append(episode)
            self._fill[episode.slot] = 0
            try:
                observation, _ = episode.env.reset(seed=seed)
                self._receive(row, observation)
            except Exception as error:
                yield self._end(episode, "fault", f"reset failed: {type(error).__name__}: {error}", None)
                continue
            if fault := observation_fault(self._policy, self._current[row], 0):
                yield self._end(episode, "fault", fault, self._current[row].copy())

    def _round(self) -> Iterator[Outcome]:
        count = len(self._running)
        rows = padded_rows(self._policy, count)
        rngs = [episode.rng for episode in self._running]
        rngs += [self._padding_rng] * (rows - count)
        actions, scores = act(self._policy, self._current[:rows], deterministic=self._deterministic, rngs=rngs)
        actions, scores = actions[:count], scores[:count]
        slots = np.fromiter((episode.slot for episode in self._running), np.int64, count)
        fill = self._fill[slots]
        self._keep(slots, fill, observation=self._current[:count], action=actions, score=scores)
        ended: dict[int, tuple[str, str]] = {}
        if not np.isfinite(scores).all():
            for row, episode in enumerate(self._running):
                if fault := score_fault(self._policy, scores[row], episode.steps):
                    ended[row] = ("fault", fault)
        self._step(actions, slots, fill, ended)
        for row in map(int, np.flatnonzero(self._fill[slots] == self._block)):
            self._flush(self._running[row])
        # From the back, because ending moves later rows; and all of them before the caller may stop at one.
        outcomes = [
            self._end(self._running[row], ending, fault, self._current[row].copy())
            for row, (ending, fault) in sorted(ended.items(), reverse=True)
        ]
        yield from reversed(outcomes)

    def _step(
        self, actions: np.ndarray, slots: np.ndarray, fill: np.ndarray, ended: dict[int, tuple[str, str]]
    ) -> None:
        """Step every episode that is not in `ended`, and add to it those that end."""
        count = len(actions)
        rewards, terminated, truncated = [0.0] * count, [False] * count, [False] * count
        stepped = np.ones(count, bool)
        for row, episode in enumerate(self._running):
            if row in ended:
                stepped[row] = False
                continue
            try:
                if episode.drawn:
                    episode.frames.append(draw(episode.env))
                observation, reward, at_end, cut, _ = episode.env.step(actions[row])
                rewards[row], terminated[row], truncated[row] = float(reward), bool(at_end), bool(cut)
                self._receive(row, observation)
            except Exception as error:
                stepped[row] = False
                del episode.frames[int(fill[row]) :]
                ended[row] = ("fault", f"step {episode.steps} failed: {type(error).__name__}: {error}")
                continue
            episode.steps += 1
            episode.total_reward += rewards[row]
            if terminated[row]:
                ended[row] = ("terminated", "")
            elif truncated[row]:
                ended[row] = ("truncated", "")
            elif episode.steps >= self._max_steps:
                ended[row] = ("limit", "")
        received = np.array(rewards)
        self._keep(slots, fill, reward=received, terminated=np.array(terminated), truncated=np.array(truncated))
        self._fill[slots[stepped]] += 1
        self._find_faults(received, stepped, ended)

    def _find_faults(self, rewards: np.ndarray, stepped: np.ndarray, ended: dict[int, tuple[str, str]]) -> None:
        current = self._current[: len(rewards)]
        if np.isfinite(rewards).all() and (current.dtype.kind != "f" or np.isfinite(current).all()):
            return
        for row in map(int, np.flatnonzero(stepped)):
            steps = self._running[row].steps
            if fault := observation_fault(self._policy, current[row], steps):
                ended[row] = ("fault", fault)
            elif not np.isfinite(rewards[row]):
                ended[row] = ("fault", f"reward {rewards[row]} at step {steps - 1}")

    def _receive(self, row: int, observation: Any) -> None:
        """Copy on receipt: an environment may return the same array every step."""
        place = self._current[row]
        if type(observation) is np.ndarray and observation.dtype == place.dtype and observation.shape == place.shape:
            place[...] = observation
        else:
            self._current[row] = exact(observation, self._current.shape[1:], self._current.dtype)

    def _keep(self, slots: np.ndarray, fill: np.ndarray, **columns: np.ndarray) -> None:
        for name, values in columns.items():
            self._buffers[name][slots, fill] = values

    def _flush(self, episode: Running) -> None:
        fill = int(self._fill[episode.slot])
        block = {name: values[episode.slot, :fill] for name, values in self._buffers.items()}
        if self._low is not None:
            observed = block["observation"]
            outside = (observed < self._low) | (observed > self._high)
            episode.outside += int(outside.reshape(fill, -1).any(1).sum()) if fill else 0
        episode.writer.write(block, episode.frames)
        episode.frames = []
        self._fill[episode.slot] = 0

    def _end(self, episode: Running, ending: str, fault: str, final: np.ndarray | None) -> Outcome:
        self._flush(episode)
        outcome = Outcome(
            episode.number, episode.seed, episode.steps, episode.total_reward, ending, fault, episode.outside
        )
        episode.writer.finish(outcome, final, episode.frames_per_second)
        _close(episode.env)
        row = self._running.index(episode)
        last = self._running.pop()
        if last is not episode:
            self._running[row] = last
            self._current[row] = self._current[len(self._running)]
        self._free.append(episode.slot)
        return outcome


def _close(env: gymnasium.Env[Any, Any]) -> None:
    """Close an environment; one that has failed often fails again here, when its episode is kept already."""
    with suppress(Exception):
        env.close()
