"""The worlds of the study of coverage: their truths against many draws and against rollouts, and the study itself."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.explanation.references import draw_visited

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def study() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import ablation_coverage
    finally:
        sys.path.remove(str(BENCHMARKS))
    return ablation_coverage


@pytest.fixture(scope="module")
def worlds(study: Any) -> dict[str, Any]:
    return {world.name: world for world in study.WORLDS}


def test_the_mean_of_many_draws_is_the_truth(worlds: dict[str, Any]) -> None:
    for world in worlds.values():
        draw = world.begin(np.random.default_rng(0), 20_000)
        for hidden in ((), (0,), (2,), (3,), (0, 1), tuple(range(len(world.players)))):
            returns = draw(hidden)
            error = returns.std() / np.sqrt(len(returns))
            assert abs(returns.mean() - world.expected(hidden)) <= 4 * error + 1e-9, (world.name, hidden)


def test_outcome_values_share_out_what_all_players_gain(worlds: dict[str, Any]) -> None:
    for world in worlds.values():
        total = world.expected(()) - world.expected(tuple(range(len(world.players))))
        assert world.shapley.sum() == pytest.approx(total)
        assert world.shapley[-1] == pytest.approx(0)  # the idle one
        assert world.losses[-1] == pytest.approx(0)
    assert worlds["skewed pay, shared by seed"].losses[3] < 0  # better without


def test_rollouts_come_near_the_enumerated_losses(study: Any) -> None:
    policy = study.policy()
    recording = rltools.record(policy, study.Switches, episodes=40)
    ablation = rltools.ablate(policy, recording, study.Switches, seeds=60, most=60, second=None)
    visited = np.asarray(draw_visited(recording, ablation.spec.visited, 0))
    shares = (visited[:, None] == study.STATES).all(axis=2).mean(axis=0)
    assert shares.sum() == pytest.approx(1)
    truth = study.true_losses(lambda hidden: study.expected_return(hidden, shares), len(ablation.players))
    losses = ablation.losses()
    assert (np.abs(losses.interval.value - truth) <= 4 * losses.standard_error + 1e-9).all()
    assert losses.interval.value[0] > 10


def test_the_study_sees_intervals_that_miss(study: Any, worlds: dict[str, Any]) -> None:
    world = worlds["rare crashes"]
    held = study.rates(study.of_losses, world, 32, 60)["loss"]
    assert held.mean() > 0.85
    wrong = dataclasses.replace(world, expected=lambda hidden: world.expected(hidden) - 300 * (0 in hidden))
    assert study.rates(study.of_losses, wrong, 32, 20)["loss"][0] < 0.3


def test_every_statistic_of_the_study_is_a_rate(study: Any, worlds: dict[str, Any]) -> None:
    names = set()
    for each in study.STUDIES:
        for name, rate in study.rates(each, worlds["at a limit of steps"], 8, 2).items():
            assert name not in names
            names.add(name)
            assert ((rate >= 0) & (rate <= 1)).all(), name
    assert {"loss", "a false certificate", "Shapley value, pairs of orders", "concordance, another order"} <= names
