"""Every replacement in the folder, as a function and in whole episodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete

import rltools
from rltools.ablation import ablate
from rltools.ablation._players import find_players
from rltools.ablation._replaced_decisions import ReplacedDecisions
from rltools.ablation._rollouts import Task
from rltools.ablation.replacements import (
    ReplacementInput,
    Visited,
    find_replacement,
    replacement,
    replacement_names,
)
from rltools.errors import ArgumentError, UnknownNameError

every = pytest.mark.parametrize("name", replacement_names())
STATES = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)


def rows_of(count: int, dtype: type = np.float32, seed: int = 1) -> ReplacementInput:
    rng = np.random.default_rng(seed)
    hidden = rng.random((count, 4)) < 0.5
    return ReplacementInput(
        rng.standard_normal((count, 4)).astype(dtype),
        Visited(STATES.astype(dtype)),
        rng.random(count),
        hidden,
        rng.standard_normal((count, 4)).astype(dtype),
    )


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_have_the_shape_and_type_of_observations(name: str, dtype: type) -> None:
    rows = rows_of(20, dtype)
    before = [array.copy() for array in (rows.x, rows.hidden, rows.earlier, rows.visited.states)]
    values = find_replacement(name)(rows)
    assert values.shape == (20, 4)
    assert values.dtype == dtype
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, find_replacement(name)(rows_of(20, dtype)))
    for array, copy in zip((rows.x, rows.hidden, rows.earlier, rows.visited.states), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@every
def test_a_row_depends_on_itself_alone(name: str) -> None:
    rows, together = rows_of(20), find_replacement(name)(rows_of(20))
    for row in range(20):
        single = ReplacementInput(
            rows.x[row : row + 1],
            rows.visited,
            rows.draws[row : row + 1],
            rows.hidden[row : row + 1],
            rows.earlier[row : row + 1],
        )
        np.testing.assert_array_equal(find_replacement(name)(single)[0], together[row])


@every
def test_it_says_what_it_is(name: str) -> None:
    declared = find_replacement(name)
    assert declared.name == name
    assert declared.phrase
    assert declared.description.endswith(".")


def test_zero_and_mean() -> None:
    rows = rows_of(5)
    assert not find_replacement("zero")(rows).any()
    mean = find_replacement("mean")(rows)
    np.testing.assert_allclose(mean, np.tile(STATES.mean(axis=0), (5, 1)), atol=1e-6)


def test_resample_takes_whole_states_as_likely_each() -> None:
    draws = (np.arange(5000) + 0.5) / 5000
    rows = ReplacementInput(np.zeros((5000, 4), np.float32), Visited(STATES), draws)
    values = find_replacement("resample")(rows)
    order = {state.tobytes(): index for index, state in enumerate(STATES)}
    np.testing.assert_array_equal(np.bincount([order[value.tobytes()] for value in values]), np.full(50, 100))


def test_nearest_takes_a_state_that_is_alike_in_what_is_seen() -> None:
    rng = np.random.default_rng(2)
    states = rng.standard_normal((400, 3)).astype(np.float32) * np.array([1, 1000, 1], np.float32)
    states[:, 2] = states[:, 0]
    draws = rng.random(64)
    x = states[:64].copy()
    hidden = np.tile([False, True, True], (64, 1))
    values = find_replacement("nearest")(ReplacementInput(x, Visited(states), draws, hidden))
    assert np.abs(values[:, 0] - x[:, 0]).max() < 1
    assert np.abs(values[:, 2] - x[:, 2]).mean() < 0.1, "what the seen element determines stays nearly as it is"
    assert np.abs(values[:, 1] - x[:, 1]).mean() > 300, "what it says nothing about does not"
    changed = x.copy()
    changed[:, 1:] = 7
    again = find_replacement("nearest")(ReplacementInput(changed, Visited(states), draws, hidden))
    np.testing.assert_array_equal(again, values, "hidden values do not matter")
    everything = ReplacementInput(x, Visited(states), draws, np.ones_like(hidden))
    expected = states[(draws * 400).astype(int)]
    np.testing.assert_array_equal(find_replacement("nearest")(everything), expected)


@every
def test_few_visited_states_do(name: str) -> None:
    rows = rows_of(6)
    single = ReplacementInput(rows.x, Visited(STATES[:1]), np.full(6, 1 - 2**-53), rows.hidden, rows.earlier)
    values = find_replacement(name)(single)
    assert np.isfinite(values).all()
    if name in ("resample", "nearest", "mean"):
        np.testing.assert_allclose(values, np.tile(STATES[:1], (6, 1)), rtol=1e-6)


class Watching:
    """A policy, and episodes side by side, of which each shows a number of its own at each step."""

    def __init__(self, tasks: list[Task], names: int = 2, dtype: Any = torch.float32) -> None:
        self.seen: list[np.ndarray] = []

        def logits(x: torch.Tensor) -> torch.Tensor:
            self.seen.append(x.numpy().copy())
            return torch.zeros(len(x), 2, dtype=x.dtype)

        self.policy = rltools.TorchPolicy(logits, Box(-1e9, 1e9, (names,), np.float32), Discrete(2), dtype=dtype)
        states = 1e6 + np.arange(200, dtype=np.float32).reshape(100, 2)
        self.states = states
        players = find_players(self.policy.features, "variables")
        self.replacing = ReplacedDecisions(players, Visited(states), tasks, [1000 + task.number for task in tasks])

    def decide(self, numbers: list[int], steps: list[int], values: np.ndarray) -> np.ndarray:
        """What the network sees, `[row, element]`."""
        self.seen.clear()
        episodes = [SimpleNamespace(number=number, steps=step) for number, step in zip(numbers, steps, strict=True)]
        observations = SimpleNamespace(batch=lambda slots: values.astype(np.float32))
        running = SimpleNamespace(episodes=episodes, slots=slice(0, len(numbers)), observations=observations, extras={})
        self.replacing(self.policy, running, None)
        return np.concatenate([seen for seen in self.seen if len(seen) == 16])[: len(numbers)]


@every
def test_only_hidden_elements_change(name: str) -> None:
    watching = Watching([Task(name, (1,), 0), Task("", (), 0), Task(name, (0, 1), 1)])
    for step in range(5):
        values = 100 * step + np.arange(6.0).reshape(3, 2)
        seen = watching.decide([0, 1, 2], [step] * 3, values)
        np.testing.assert_array_equal(seen[0, 0], values[0, 0])
        np.testing.assert_array_equal(seen[1], values[1])
        if step:
            assert seen[0, 1] != values[0, 1]
            assert (seen[2] != values[2]).all()


def test_resampled_values_are_those_of_one_state_and_new_at_each_step() -> None:
    watching = Watching([Task("resample", (0, 1), 0), Task("resample", (1,), 0), Task("resample", (0, 1), 5)])
    rows = [watching.decide([0, 1, 2], [step] * 3, np.zeros((3, 2))) for step in range(40)]
    states = {tuple(state) for state in watching.states.tolist()}
    assert all(tuple(seen[0].tolist()) in states for seen in rows)
    assert all(seen[0, 1] == seen[1, 1] for seen in rows), "the same seed draws the same states"
    assert len({tuple(seen[0].tolist()) for seen in rows}) > 25
    assert any(seen[0, 0] != seen[2, 0] for seen in rows), "another seed draws others"


def test_held_values_are_earlier_ones_of_the_episode_each_as_likely() -> None:
    runs, steps = 400, 6
    watching = Watching([Task("hold", (1,), number) for number in range(runs)])
    numbers = list(range(runs))
    for step in range(steps):
        values = np.stack([np.zeros(runs), 1000.0 * np.arange(runs) + step], axis=1)
        seen = watching.decide(numbers, [step] * runs, values)
    held = seen[:, 1] - 1000 * np.arange(runs)
    assert set(held.tolist()) == {0, 1, 2, 3, 4}, "earlier steps of the same episode, and not the present one"
    counts = np.bincount(held.astype(int), minlength=5)
    assert (np.abs(counts - runs / 5) < 4 * np.sqrt(runs * 0.2 * 0.8)).all(), counts


def test_held_values_stay_until_another_one_is_drawn() -> None:
    watching = Watching([Task("hold", (0,), 3)])
    held = [watching.decide([0], [step], np.full((1, 2), step))[0, 0] for step in range(200)]
    changes = np.flatnonzero(np.diff(held))
    assert 1 <= len(changes) < 15
    assert all(value <= max(step - 1, 0) for step, value in enumerate(held))
    assert (np.diff(held)[changes] > 0).all(), "only the latest one can take the place"


def test_episodes_that_hold_nothing_are_not_remembered_and_may_have_begun_before() -> None:
    """One that sees everything runs for a while before one that holds begins beside it."""
    watching = Watching([Task("", (), 0), Task("hold", (0,), 0)])
    for step in range(3):
        watching.decide([0], [step], np.full((1, 2), step))
    for step in range(4):
        seen = watching.decide([0, 1], [3 + step, step], np.full((2, 2), step))
        assert seen[0, 0] == step
        assert seen[1, 0] == 0 or seen[1, 0] < step


def test_what_runs_beside_an_episode_does_not_matter() -> None:
    tasks = [Task(name, (1,), number) for number in range(3) for name in replacement_names()]
    single = []
    for index in range(len(tasks)):
        watching = Watching(tasks)
        single.append([watching.decide([index], [step], np.full((1, 2), 10.0 * index + step))[0] for step in range(30)])
    watching = Watching(tasks)
    for step in range(30):
        values = np.repeat(10.0 * np.arange(len(tasks))[:, None] + step, 2, axis=1)
        seen = watching.decide(list(range(len(tasks))), [step] * len(tasks), values)
        np.testing.assert_array_equal(seen, np.stack([rows[step] for rows in single]))


def test_draws_go_on_after_a_block_of_steps() -> None:
    watching = Watching([Task("resample", (0,), 0)])
    rows = {step: watching.decide([0], [step], np.zeros((1, 2)))[0, 0] for step in [*range(0, 3000, 7)]}
    assert len(set(rows.values())) > 90
    assert (
        watching.decide([0], [5], np.zeros((1, 2)))[0, 0]
        == Watching([Task("resample", (0,), 0)]).decide([0], [5], np.zeros((1, 2)))[0, 0]
    ), "a block that was left is drawn again as it was"


def test_a_choice_is_replaced_by_a_whole_choice() -> None:
    space = MultiDiscrete([3, 2])
    policy = rltools.TorchPolicy(lambda x: x[:, :2], space, Discrete(2))
    players = find_players(policy.features, "variables")
    assert len(players.names) == 2
    assert [positions.tolist() for positions in players.positions] == [[0, 1, 2], [3, 4]]


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="resample"):
        find_replacement("resampel")
    with pytest.raises(ArgumentError, match="by its name"):
        find_replacement(3)
    with pytest.raises(ArgumentError, match="has no phrase"):
        replacement("")
    with pytest.raises(ArgumentError, match="needs everything"):
        replacement("nothing", needs=["everything"])


@every
def test_whole_episodes_end_with_every_replacement(name: str, guess: Any) -> None:
    policy, env = guess(lambda x: x[..., 0] > 0.5)
    ablation = ablate(policy, env=env, replace=name, second=None, seeds=3, most=3)
    assert ablation.replace == name
    assert not ablation.faults
    assert np.isfinite(ablation.losses().interval.value).all()
