"""Decisions on observations in which hidden elements are replaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rltools.ablation._players import Players
from rltools.ablation._rollouts import Task
from rltools.ablation.replacements import Replacement, ReplacementInput, Visited, find_replacement
from rltools.policies.base import Context, Policy
from rltools.policies.decide import decide, next_state
from rltools.rollout.act import BLOCK
from rltools.rollout.loop import Decision
from rltools.rollout.running_episodes import RunningEpisodes

DRAWN_STEPS = 1024
"""Steps whose random numbers are drawn together."""


class ReplacedDecisions:
    """Decides for episodes side by side, each with its own hidden players; see `rltools.rollout.loop.Decide`.

    The numbers in an episode's row depend on its task and its seed alone, whatever runs beside it: the network gets
    blocks of exactly 16 rows.

    Args:
        players: that can be hidden.
        visited: the states that values are taken from.
        tasks: by the number of the episode.
        seeds: of each episode, from which its random numbers are drawn.
    """

    def __init__(self, players: Players, visited: Visited, tasks: Sequence[Task], seeds: Sequence[int]) -> None:
        self._players, self._visited, self._tasks, self._seeds = players, visited, tasks, seeds
        self._draws: dict[int, tuple[int, np.ndarray]] = {}  # by episode: the block of steps, and its numbers
        self._masks: dict[tuple[int, ...], np.ndarray] = {}
        self._numbers: list[int] = []
        self._hidden = np.zeros((0, players.size), bool)
        self._rows: list[tuple[Replacement, np.ndarray]] = []
        self._earlier: dict[int, np.ndarray] = {}
        self._latest: dict[int, np.ndarray] = {}
        self._holding = np.zeros(0, np.int64)

    def __call__(self, policy: Policy, running: RunningEpisodes, rngs: list[np.random.Generator] | None) -> Decision:
        """Actions, scores and next recurrent states of the running episodes."""
        numbers = [episode.number for episode in running.episodes]
        if numbers != self._numbers:
            self._begin(numbers)
        with torch.no_grad():
            encoded = policy.encode(running.observations.batch(running.slots))
            x = self._players.decode(encoded.numpy(force=True))
            x = self._players.encode(self._replaced(x, running))
            return _decisions(policy, torch.from_numpy(x).to(policy.device).reshape(encoded.shape), running)

    def _begin(self, numbers: list[int]) -> None:
        """Look up what is hidden from each of the running episodes, which have changed."""
        self._numbers = numbers
        tasks = [self._tasks[number] for number in numbers]
        for task in tasks:
            if task.hidden not in self._masks:
                self._masks[task.hidden] = self._players.mask(task.hidden)
        self._hidden = np.stack([self._masks[task.hidden] for task in tasks])
        names = np.array([task.replacement for task in tasks], dtype=object)
        self._rows = [(find_replacement(name), np.flatnonzero(names == name)) for name in dict.fromkeys(names) if name]
        holding = [rows for replacement, rows in self._rows if "earlier" in replacement.needs]
        self._holding = np.concatenate([np.zeros(0, np.int64), *holding])
        self._draws = {number: self._draws[number] for number in numbers if number in self._draws}
        for observations in (self._earlier, self._latest):
            for number in observations.keys() - set(numbers):
                del observations[number]

    def _replaced(self, x: np.ndarray, running: RunningEpisodes) -> np.ndarray:
        """Observations `[row, element]` with the hidden elements replaced."""
        if not self._rows:
            return x
        steps = [episode.steps for episode in running.episodes]
        draws = self._uniform(steps)
        self._remember(x, draws[:, 1], steps)
        replaced = x.copy()
        for replacement, rows in self._rows:
            earlier = "earlier" in replacement.needs
            values = replacement(
                ReplacementInput(
                    x[rows],
                    self._visited,
                    draws[rows, 0],
                    self._hidden[rows] if "hidden" in replacement.needs else None,
                    np.stack([self._earlier[self._numbers[row]] for row in rows]) if earlier else None,
                )
            )
            replaced[rows] = np.where(self._hidden[rows], values, x[rows])
        return replaced

    def _uniform(self, steps: Sequence[int]) -> np.ndarray:
        """Two uniform numbers for each episode at its step, float64 `[row, 2]`."""
        draws = np.empty((len(steps), 2))
        for row, (number, step) in enumerate(zip(self._numbers, steps, strict=True)):
            block, offset = divmod(step, DRAWN_STEPS)
            drawn = self._draws.get(number)
            if drawn is None or drawn[0] != block:
                # Not the stream of the environment, nor that of sampled actions, which begin with the seed too.
                rng = np.random.default_rng([self._seeds[number], 2, block])
                drawn = self._draws[number] = block, rng.random((DRAWN_STEPS, 2))
            draws[row] = drawn[1][offset]
        return draws

    def _remember(self, x: np.ndarray, draws: np.ndarray, steps: Sequence[int]) -> None:
        """Keep one of each holding episode's earlier observations: after t of them, each with probability 1 / t."""
        for row in self._holding.tolist():
            number, step = self._numbers[row], steps[row]
            # The observation of the step before decides whether it is kept; the first one is, until there is another.
            if step == 0:
                self._earlier[number] = x[row].copy()
                self._latest[number] = x[row].copy()
                continue
            if draws[row] * step < 1:
                self._earlier[number] = self._latest[number]
            self._latest[number] = x[row].copy()


def _decisions(policy: Policy, x: torch.Tensor, running: RunningEpisodes) -> Decision:
    """The best actions at `x [row, *feature]`, with scores and next recurrent states, in blocks of 16 rows."""
    count = len(x)
    slots = np.arange(count) if isinstance(running.slots, slice) else running.slots
    padding = -count % BLOCK
    if padding:
        x = torch.cat([x, x[:1].expand(padding, *x.shape[1:])])
        slots = np.concatenate([slots, np.repeat(slots[:1], padding)])
    head = policy.heads[0]
    actions, scores, states = [], [], []
    for start in range(0, count, BLOCK):
        rows = slots[start : start + BLOCK]
        extras = {name: torch.tensor(values[rows], device=policy.device) for name, values in running.extras.items()}
        context = Context(mask=extras.get("mask"), state=extras.get("state"))
        block = x[start : start + BLOCK]
        result = decide(policy, policy.head(head, block, context), context)
        actions.append(result.actions)
        scores.append(result.scores)
        if policy.state_size:
            states.append(next_state(policy, block, context).numpy(force=True))
    return (
        np.concatenate(actions)[:count],
        np.concatenate(scores)[:count],
        np.concatenate(states)[:count] if states else None,
    )
