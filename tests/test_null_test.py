"""The page of the null test has the figures of its results, and these are of the recipe that lies beside them."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import gymnasium
import numpy as np
import pandas as pd
import pytest
from gymnasium.utils.env_checker import check_env

import rltools
from rltools.attributions import find_method, method_names

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "null_test.py"))
RECIPE = SCRIPT["RESULTS"].with_name("recipe.py")


@pytest.fixture(scope="module")
def recipe() -> dict[str, object]:
    return runpy.run_path(str(RECIPE))


def test_the_results_are_of_this_recipe() -> None:
    digest, _ = SCRIPT["read"]()
    assert digest == hashlib.sha256(RECIPE.read_bytes()).hexdigest(), f"run `python {RECIPE}`"


def test_there_is_a_row_for_each_agent_and_method(recipe) -> None:
    _, rows = SCRIPT["read"]()
    counts = rows.groupby(["strength", "method"])["agent"].nunique().unstack()
    assert {strength: set(line) for strength, line in counts.iterrows()} == {
        strength: {count} for strength, count in recipe["AGENTS"].items()
    }
    assert min(recipe["AGENTS"].values()) >= 24
    methods = {name for name in method_names() if not find_method(name).needs & {"image", "convolution"}}
    # A method that was added later has no rows before somebody runs the recipe again, which takes its time.
    assert set(rows["method"]) <= methods | {"measured loss"}
    assert {"measured loss", "random", "std", "gradient", "shapley", "decision_change"} <= set(rows["method"])
    assert rows["share"].dropna().between(0, 1).all()


def test_the_figures_of_the_page_are_those_of_the_results() -> None:
    page = SCRIPT["PAGE"].read_text(encoding="utf-8")
    assert page == SCRIPT["with_tables"](page, SCRIPT["tables"]()), "run `python docs/null_test.py`"


def test_a_share_is_called_by_its_rank_among_null_agents() -> None:
    null = np.linspace(0, 1, 39)  # one of 39 may be as large
    assert SCRIPT["calls"](np.array([2.0, 1.0, 0.99, 0.9]), null).tolist() == [True, True, True, False]
    assert not SCRIPT["calls"](np.array([2.0]), null[:18]).any()  # too few to ever reach the level
    draws = np.random.default_rng(0).random((400, 60))
    false = np.mean([SCRIPT["null_calls"](shares) for shares in draws])
    assert 0.02 < false <= 0.05


def test_the_recipe_has_an_environment_whose_signal_is_known(recipe) -> None:
    env = recipe["make"](0.8)
    assert isinstance(env, rltools.PlantFeatures)
    with pytest.warns(UserWarning, match="is different from the unwrapped version"):
        check_env(env, skip_render_check=True)
    moves = pd.DataFrame(
        [pushed(recipe["make"](strength), strength) for strength in (0.0, 0.8)], columns=["strength", "gust", "noise"]
    ).set_index("strength")
    assert abs(moves.loc[0.0, "gust"]) < 0.05
    assert moves.loc[0.8, "gust"] == pytest.approx(0.8, abs=0.05)
    assert moves["noise"].abs().max() < 0.05


def pushed(env: gymnasium.Env, strength: float) -> tuple[float, float, float]:
    """How the change of the velocity correlates with the planted feature and with the noise."""
    rows = []
    for seed in range(60):
        before, _ = env.reset(seed=seed)
        for _ in range(50):
            after, *_ = env.step(2)
            rows.append([after[1] - 0.6 * before[1] - 0.1 * before[2], before[3], before[4]])
            before = after
    correlations = np.corrcoef(np.array(rows).T)[0]
    return strength, correlations[1], correlations[2]
