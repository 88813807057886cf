"""Published Shapley values of two gridworlds: by enumeration, by attribution and by rollouts, against the paper."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "sverl-gridworld"
RECIPE = runpy.run_path(str(FOLDER / "recipe.py"))
with (FOLDER / "values.csv").open(newline="") as _file:
    ROWS: list[dict[str, str]] = list(csv.DictReader(_file))
SAMPLED = 0.01
"""The published values are means over a million episodes, and have three decimals."""


def column(name: str, kind: str) -> np.ndarray:
    return np.array([float(row[name]) for row in ROWS if row["of"] == kind])


@pytest.fixture(scope="module")
def solutions() -> dict[str, Any]:
    return {name: RECIPE["solve"](world) for name, world in RECIPE["WORLDS"].items()}


def test_enumeration_gives_the_published_values(solutions):
    for (world, kind), by_cell in RECIPE["PUBLISHED"].items():
        for cell, published in by_cell.items():
            exact = RECIPE["enumerated"](solutions[world], kind, RECIPE["conditional"], cell)
            assert exact == pytest.approx(published, abs=SAMPLED), (world, kind, cell)


@pytest.mark.parametrize("rule", ["conditional", "resampled"])
@pytest.mark.parametrize("kind", ["behavior", "prediction"])
@pytest.mark.parametrize("world", ["B", "C"])
def test_attributions_are_the_enumerated_values(world, kind, rule, solutions):
    solution, replacement = solutions[world], RECIPE[rule]
    values = RECIPE["attributed"](solution, kind, replacement)
    for cell in RECIPE["PUBLISHED"][world, kind]:
        exact = RECIPE["enumerated"](solution, kind, replacement, cell)
        assert values[cell] == pytest.approx(exact, abs=1e-9), cell


@pytest.mark.parametrize("rule", ["conditional", "resampled"])
def test_rollouts_come_near_the_enumerated_outcomes(rule, solutions, monkeypatch):
    monkeypatch.setitem(RECIPE["measured"].__globals__, "EPISODES", 300)
    solution, replacement = solutions["B"], RECIPE[rule]
    for cell, interval in RECIPE["measured"](solution, replacement, seeds=40).items():
        exact = RECIPE["enumerated"](solution, "outcome", replacement, cell)
        half = (interval.high - interval.low) / 2
        assert (np.abs(interval.value - exact) < 2 * half).all(), (cell, interval, exact)
        assert (half < 2.5).all()


def test_the_two_rules_differ_where_the_readme_says(solutions):
    conditional, resampled = (
        RECIPE["enumerated"](solutions["B"], "outcome", RECIPE[rule], (0, 0)) for rule in ("conditional", "resampled")
    )
    assert conditional == pytest.approx((4.5, 2.0))
    assert resampled == pytest.approx((17 / 3, 5 / 6))


def test_the_stored_table_is_of_these_values(solutions):
    assert len(ROWS) == 54
    for row in ROWS:
        cell = int(row["x"]), int(row["y"])
        feature = RECIPE["FEATURES"].index(row["feature"])
        assert float(row["published"]) == RECIPE["PUBLISHED"][row["world"], row["of"]][cell][feature]
        for prefix, rule in (("", "conditional"), ("resampled ", "resampled")):
            exact = RECIPE["enumerated"](solutions[row["world"]], row["of"], RECIPE[rule], cell)[feature]
            assert float(row[f"{prefix}exact"]) == pytest.approx(exact, abs=1e-4)
            if row["of"] == "outcome":
                assert float(row[f"{prefix}low"]) < float(row[f"{prefix}rltools"]) < float(row[f"{prefix}high"])
            else:
                assert float(row[f"{prefix}rltools"]) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("prefix", ["", "resampled "])
def test_the_intervals_of_the_stored_rollouts_hold_the_exact_outcomes(prefix):
    exact = column(f"{prefix}exact", "outcome")
    held = (column(f"{prefix}low", "outcome") <= exact) & (exact <= column(f"{prefix}high", "outcome"))
    assert held.sum() >= 16  # of 18, at 95 %
