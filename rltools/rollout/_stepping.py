"""Step single environments in one loop, the policy called once a round, and keep every step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import Any

import gymnasium
import numpy as np
import torch

from rltools._util.files import uninterrupted
from rltools.errors import SimulationError
from rltools.policies.base import Policy
from rltools.recording import Outcome
from rltools.rollout._running import Running, Writer
from rltools.rollout.act import act, allowed_actions, padded_rows
from rltools.rollout.faults import as_flag, as_reward, observation_fault, opened, score_fault, stepped, told
from rltools.rollout.observations import Observed
from rltools.rollout.render import draw, frames_per_second

BLOCK_BYTES = 1 << 18
"""Of observations that are held per episode before they are written."""
WRITERS = 4


class Rollout:
    """Runs episodes side by side; each is the same whatever runs beside it.

    What is kept lies in buffers `[round % block, slot, ...]`: a round writes one row of each, whatever episodes run.
    """

    def __init__(
        self,
        policy: Policy,
        open_env: Callable[[bool], gymnasium.Env[Any, Any]],
        open_writer: Callable[[int], tuple[Writer, bool]],
        *,
        seed_of: Callable[[int], int],
        num_envs: int,
        deterministic: bool,
        max_steps: int,
    ) -> None:
        """Prepare; `open_writer` gives an episode's writer, and whether its frames are drawn; `seed_of` its seed."""
        self._policy, self._open_env, self._open_writer = policy, open_env, open_writer
        self._seed_of, self._deterministic, self._max_steps = seed_of, deterministic, max_steps
        slots = padded_rows(policy, num_envs)
        self._observed = observed = Observed(policy.observation_space, slots)
        self._block = int(np.clip(BLOCK_BYTES // observed.row_bytes, 16, 1024))
        self._beside = beside_observations(policy, slots)
        self._buffers = step_buffers(policy, observed, self._beside, (self._block, num_envs))
        self._round, self._full = 0, self._block
        self._running: list[Running] = []
        self._free = list(reversed(range(num_envs)))
        self._slots: slice | np.ndarray = slice(0, 0)

    def run(self, numbers: list[int]) -> Generator[Outcome, None, None]:
        """Run the episodes of these numbers; yields each one's outcome once it is kept."""
        waiting = iter(numbers)
        try:
            yield from self._start(waiting)
            while self._running:
                yield from self._step_all()
                yield from self._start(waiting)
        finally:
            for episode in self._running:
                episode.close()
                episode.writer.abandon()

    def _start(self, waiting: Iterator[int]) -> Iterator[Outcome]:
        while self._free and (number := next(waiting, None)) is not None:
            writer, drawn = self._open_writer(number)
            seed = self._seed_of(number)
            rng = np.random.default_rng([seed, 1])  # not the environment's own stream
            env = self._open_env(drawn)
            if any(env is other.env for other in self._running):
                raise SimulationError(
                    f"the environment given was made once and given twice ({env}), and each episode needs one of its "
                    f"own; give a function that makes a new one at every call"
                )
            episode = Running(
                number, seed, env, writer, drawn, self._free.pop(), rng, frames_per_second(env), self._round
            )
            self._running.append(episode)
            self._note_slots()
            try:
                observation, info = opened(episode.env.reset(seed=seed))
                self._receive(episode, observation, info)
            except Exception as error:
                fault = f"reset failed: {told(error)}"
                yield from self._end({episode.slot: ("fault", fault)}, observed=False)
                continue
            if not self._observed.seem_finite() and (fault := self._observation_fault(episode)):
                yield from self._end({episode.slot: ("fault", fault)})

    def _step_all(self) -> Iterator[Outcome]:
        """One round: every running episode acts once, and steps."""
        at, slots = self._round % self._block, self._slots
        generators = None if self._deterministic else [episode.rng for episode in self._running]
        actions, scores, state = act(self._policy, self._observed, slots, generators, self._beside)
        self._observed.keep(self._buffers, at, slots)
        for name, values in self._beside.items():
            self._buffers[name][at, slots] = values[slots]
        if state is not None:
            self._beside["state"][slots] = state
        self._buffers["action"][at, slots] = actions
        self._buffers["score"][at, slots] = scores
        ended: dict[int, tuple[str, str]] = {}
        if not isfinite(scores.sum()):
            for row, episode in enumerate(self._running):
                if fault := score_fault(self._policy, scores[row], episode.steps):
                    ended[episode.slot] = ("fault", fault)
        rewards = self._step_each(actions, ended)
        self._buffers["reward"][at, slots] = rewards
        self._find_faults(rewards, ended)
        self._round += 1
        if self._round >= self._full:
            self._flush_full()
        if ended:
            yield from self._end(ended)

    def _step_each(self, actions: np.ndarray, ended: dict[int, tuple[str, str]]) -> list[float]:
        """Step every episode that is not in `ended`, and add to it those that end."""
        rewards: list[float] = []
        keep, receive, most, failed = rewards.append, self._receive, self._max_steps, set(ended)
        for episode, action in zip(self._running, actions, strict=True):
            if failed and episode.slot in failed:
                keep(0.0)
                continue
            try:
                if episode.drawn:
                    episode.frames.append(draw(episode.env))
                taken = episode.step(action)
                if type(taken) is not tuple or len(taken) != 5:
                    taken = stepped(taken)
                observation, reward, at_end, cut, info = taken
                if type(reward) is not float:
                    reward = as_reward(reward)
                if type(at_end) is not bool or type(cut) is not bool:
                    at_end, cut = as_flag(at_end, "terminated"), as_flag(cut, "truncated")
                receive(episode, observation, info)
            except Exception as error:
                keep(0.0)
                del episode.frames[episode.steps - episode.flushed :]
                ended[episode.slot] = ("fault", f"step {episode.steps} failed: {told(error)}")
                continue
            keep(reward)
            episode.steps += 1
            episode.total_reward += reward
            if at_end or cut:
                episode.terminated, episode.truncated = bool(at_end), bool(cut)
                ended[episode.slot] = ("terminated" if at_end else "truncated", "")
            elif episode.steps >= most:
                ended[episode.slot] = ("limit", "")
        return rewards

    def _find_faults(self, rewards: list[float], ended: dict[int, tuple[str, str]]) -> None:
        # A sum is finite where all its terms are, or nearly so; what is not is looked at one by one.
        if isfinite(sum(rewards)) and self._observed.seem_finite():
            return
        for episode, reward in zip(self._running, rewards, strict=True):
            if ended.get(episode.slot, ("", ""))[0] == "fault":
                continue
            if fault := self._observation_fault(episode):
                ended[episode.slot] = ("fault", fault)
            elif not isfinite(reward):
                ended[episode.slot] = ("fault", f"reward {reward} at step {episode.steps - 1}")

    def _observation_fault(self, episode: Running) -> str:
        rows = np.array([episode.slot])
        return observation_fault(self._policy, self._observed.batch(rows), episode.steps)

    def _receive(self, episode: Running, observation: Any, info: dict[str, Any]) -> None:
        self._observed.receive(episode.slot, observation)
        if self._policy.masked:
            self._beside["mask"][episode.slot] = allowed_actions(episode.env, info, self._policy)

    def _flush_full(self) -> None:
        """Hand on the steps of episodes whose block is full; each counts its blocks from its own first step."""
        for episode in self._running:
            if episode.steps - episode.flushed >= self._block:
                self._flush(episode)
        self._note_full()

    def _note_full(self) -> None:
        """The round in which the first block is full."""
        oldest = min((episode.begun + episode.flushed for episode in self._running), default=self._round)
        self._full = oldest + self._block

    def _flush(self, episode: Running) -> None:
        """Hand the steps since the last time to the writer."""
        at = np.arange(episode.begun + episode.flushed, episode.begun + episode.steps) % self._block
        block = {name: values[at, episode.slot] for name, values in self._buffers.items()}
        for name, last in (("terminated", episode.terminated), ("truncated", episode.truncated)):
            block[name] = np.zeros(len(at), bool)
            block[name][-1:] = last
        episode.out_of_space += self._observed.out_of_space(block)
        episode.writer.write(block, episode.frames)
        episode.frames, episode.flushed = [], episode.steps

    def _end(self, ended: dict[int, tuple[str, str]], *, observed: bool = True) -> list[Outcome]:
        """Keep the episodes in some slots, all of them before the caller may stop at one; their slots are free then.

        Episodes that end in one round are written side by side, because a disk takes them no slower than one.
        """

        def keep(episode: Running) -> Outcome:
            ending, fault = ended[episode.slot]
            self._flush(episode)
            outcome = episode.outcome(ending, fault)
            final = self._observed.of(episode.slot) if observed else None
            episode.writer.finish(outcome, final, episode.frames_per_second)
            return outcome

        leaving = [episode for episode in self._running if episode.slot in ended]
        if len(leaving) == 1:
            outcomes = [keep(leaving[0])]
        else:
            with uninterrupted(), ThreadPoolExecutor(WRITERS) as pool:
                outcomes = list(pool.map(keep, leaving))
        for episode in leaving:
            episode.close()
            self._observed.clear(episode.slot)
            if "state" in self._beside:
                self._beside["state"][episode.slot] = 0
            self._free.append(episode.slot)
        self._running = [episode for episode in self._running if episode.slot not in ended]
        self._note_slots()
        return outcomes

    def _note_slots(self) -> None:
        """Running episodes in the order of their slots, which are a slice where none between them is free."""
        self._running.sort(key=lambda episode: episode.slot)
        slots = [episode.slot for episode in self._running]
        dense = slots == list(range(len(slots)))
        self._slots = slice(0, len(slots)) if dense else np.array(slots, np.int64)
        self._note_full()


def beside_observations(policy: Policy, slots: int) -> dict[str, np.ndarray]:
    """What each of so many rows needs beside its observation, by the name of its column; nothing for most policies.

    `mask`: bool `[slot, action]`, all allowed. `state`: `[slot, state]` in the policy's dtype, zeros.
    """
    beside: dict[str, np.ndarray] = {}
    if policy.masked:
        beside["mask"] = np.ones((slots, len(policy.action_names)), bool)
    if policy.state_size:
        beside["state"] = np.zeros((slots, policy.state_size), _scores_dtype(policy))
    return beside


def step_buffers(
    policy: Policy, observed: Observed, beside: dict[str, np.ndarray], rows: tuple[int, int]
) -> dict[str, np.ndarray]:
    """A buffer `[round, slot, ...]` of zeros for each column of a step; `rows` are how many rounds and slots."""
    buffers = {
        **observed.buffers(*rows),
        "action": np.zeros((*rows, *(policy.action_space.shape or ())), policy.action_space.dtype),
        "score": np.zeros((*rows, len(policy.action_names)), _scores_dtype(policy)),
        "reward": np.zeros(rows),
    }
    for name, values in beside.items():
        buffers[name] = np.zeros((*rows, *values.shape[1:]), values.dtype)
    return buffers


def _scores_dtype(policy: Policy) -> np.dtype[np.floating]:
    dtype: np.dtype[np.floating] = torch.zeros(0, dtype=policy.dtype).numpy().dtype
    return dtype
