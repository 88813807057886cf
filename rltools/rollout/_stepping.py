"""Step single environments in one loop, the policy called once a round, and keep every step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import isfinite
from typing import Any

import gymnasium
import numpy as np
import torch

from rltools.policy import Policy
from rltools.recording import Outcome
from rltools.recording._files import uninterrupted
from rltools.rollout._acting import act, padded_rows
from rltools.rollout._faults import exact, observation_fault, score_fault
from rltools.rollout._frames import draw, frames_per_second
from rltools.rollout._running import Running, Writer

BLOCK_BYTES = 1 << 18
"""Of observations that are held per episode before they are written."""
WRITERS = 4


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
        self._shape = shape = tuple(space.shape or ())
        self._dtype = dtype = np.dtype(space.dtype or np.float32)
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
        self._slots = np.zeros(0, np.int64)
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
            self._note_slots()
            try:
                observation, _ = episode.env.reset(seed=seed)
                self._receive(row, observation)
            except Exception as error:
                fault = f"reset failed: {type(error).__name__}: {error}"
                yield from self._end({row: ("fault", fault)}, observed=False)
                continue
            if fault := observation_fault(self._policy, self._current[row], 0):
                yield from self._end({row: ("fault", fault)})

    def _round(self) -> Iterator[Outcome]:
        count = len(self._running)
        rows = padded_rows(self._policy, count)
        rngs = [episode.rng for episode in self._running] + [self._padding_rng] * (rows - count)
        actions, scores = act(self._policy, self._current[:rows], deterministic=self._deterministic, rngs=rngs)
        actions, scores = actions[:count], scores[:count]
        slots, fill = self._slots, self._fill[self._slots]
        self._keep(slots, fill, observation=self._current[:count], action=actions, score=scores)
        ended: dict[int, tuple[str, str]] = {}
        if not np.isfinite(scores).all():
            for row, episode in enumerate(self._running):
                if fault := score_fault(self._policy, scores[row], episode.steps):
                    ended[row] = ("fault", fault)
        self._step(actions, slots, fill, ended)
        if fill.max() + 1 >= self._block:
            for row in map(int, np.flatnonzero(self._fill[slots] == self._block)):
                self._flush(self._running[row])
        if ended:
            yield from self._end(ended)

    def _step(
        self, actions: np.ndarray, slots: np.ndarray, fill: np.ndarray, ended: dict[int, tuple[str, str]]
    ) -> None:
        """Step every episode that is not in `ended`, and add to it those that end."""
        count = len(actions)
        rewards, terminated, truncated, failed = [0.0] * count, [False] * count, [False] * count, set(ended)
        receive, most = self._receive, self._max_steps
        for row, (episode, action) in enumerate(zip(self._running, actions, strict=True)):
            if failed and row in failed:
                continue
            try:
                if episode.drawn:
                    episode.frames.append(draw(episode.env))
                observation, reward, at_end, cut, _ = episode.env.step(action)
                rewards[row] = reward = float(reward)
                receive(row, observation)
            except Exception as error:
                rewards[row] = 0.0
                failed.add(row)
                del episode.frames[int(fill[row]) :]
                ended[row] = ("fault", f"step {episode.steps} failed: {type(error).__name__}: {error}")
                continue
            episode.steps += 1
            episode.total_reward += reward
            if at_end or cut:
                terminated[row], truncated[row] = bool(at_end), bool(cut)
                ended[row] = ("terminated" if at_end else "truncated", "")
            elif episode.steps >= most:
                ended[row] = ("limit", "")
        received = np.array(rewards)
        self._keep(slots, fill, reward=received)
        if ended:  # until then the buffers hold what a step that ends nothing has
            self._keep(slots, fill, terminated=np.array(terminated), truncated=np.array(truncated))
        stepped = slots if not failed else slots[[row not in failed for row in range(count)]]
        self._fill[stepped] += 1
        self._find_faults(received, failed, ended)

    def _find_faults(self, rewards: np.ndarray, failed: set[int], ended: dict[int, tuple[str, str]]) -> None:
        current = self._current[: len(rewards)]
        # A sum is finite where all its terms are, or nearly so; what is not is looked at one by one.
        if isfinite(rewards.sum()) and (self._dtype.kind != "f" or np.isfinite(current).all()):
            return
        for row in sorted(set(range(len(rewards))) - failed):
            steps = self._running[row].steps
            if fault := observation_fault(self._policy, current[row], steps):
                ended[row] = ("fault", fault)
            elif not np.isfinite(rewards[row]):
                ended[row] = ("fault", f"reward {rewards[row]} at step {steps - 1}")

    def _receive(self, row: int, observation: Any) -> None:
        """Copy on receipt: an environment may return the same array every step."""
        plain = (
            type(observation) is np.ndarray and observation.dtype is self._dtype and observation.shape == self._shape
        )
        self._current[row] = observation if plain else exact(observation, self._shape, self._dtype)

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
        block["terminated"][:] = block["truncated"][:] = False
        self._fill[episode.slot] = 0

    def _end(self, ended: dict[int, tuple[str, str]], *, observed: bool = True) -> list[Outcome]:
        """Keep the episodes of some rows, all of them before the caller may stop at one; their places are free then.

        Episodes that end in one round are written side by side, because a disk takes them no slower than one.
        """

        def keep(row: int) -> Outcome:
            episode, (ending, fault) = self._running[row], ended[row]
            self._flush(episode)
            outcome = Outcome(
                episode.number, episode.seed, episode.steps, episode.total_reward, ending, fault, episode.outside
            )
            final = self._current[row].copy() if observed else None
            episode.writer.finish(outcome, final, episode.frames_per_second)
            return outcome

        rows = sorted(ended)
        if len(rows) == 1:
            outcomes = [keep(rows[0])]
        else:
            with uninterrupted(), ThreadPoolExecutor(WRITERS) as pool:
                outcomes = list(pool.map(keep, rows))
        for row in reversed(rows):  # from the back, because the last row moves into a freed one
            episode = self._running[row]
            _close(episode.env)
            last = self._running.pop()
            if last is not episode:
                self._running[row] = last
                self._current[row] = self._current[len(self._running)]
            self._free.append(episode.slot)
        self._note_slots()
        return outcomes

    def _note_slots(self) -> None:
        self._slots = np.array([episode.slot for episode in self._running], np.int64)


def _close(env: gymnasium.Env[Any, Any]) -> None:
    """Close an environment; one that has failed often fails again here, when its episode is kept already."""
    with suppress(Exception):
        env.close()
