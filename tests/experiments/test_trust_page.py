"""The page about trust says what the stored tables say, and the tables are of one piece."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rltools.experiments import read_experiment
from rltools.metrics import find_metric

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "trust.py"))
LOSSES, CERTIFICATES, ASSESSMENT = (
    SCRIPT["read"](name) for name in ("losses.csv", "certificates.csv", "assessment.csv")
)


def replaced(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    monkeypatch.setitem(SCRIPT["page"].__globals__, "TABLES", folder)
    return SCRIPT["page"]()


def test_the_page_is_made_from_the_stored_tables() -> None:
    assert SCRIPT["page"]() == (DOCS / "trust.md").read_text(encoding="utf-8"), "run python docs/trust.py"


def test_other_tables_make_another_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in SCRIPT["TABLES"].glob("*.csv"):
        shutil.copy(file, tmp_path)
    page = SCRIPT["page"]()
    assert replaced(monkeypatch, tmp_path) == page
    losses = pd.read_csv(tmp_path / "losses.csv")
    first = losses.index[(losses["rank"] == 1) & (losses["agent"] == "lunarlander-ppo")]
    losses.loc[first, "loss"] = 12345
    losses.to_csv(tmp_path / "losses.csv", index=False)
    assert "12,345 [" in replaced(monkeypatch, tmp_path)
    assert "12,345 [" not in page


def test_a_run_is_stored_with_five_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, stored = tmp_path / "run", tmp_path / "stored"
    tables = run / "tables"
    tables.mkdir(parents=True)
    shutil.copy(SCRIPT["TABLES"] / "losses.csv", tables)
    row = dict.fromkeys(ASSESSMENT.columns, "b") | {"value": 1 / 3, "key": "not stored"}
    pd.DataFrame([row]).to_csv(tables / "assessment.csv", index=False)
    monkeypatch.setitem(SCRIPT["take"].__globals__, "TABLES", stored)
    SCRIPT["take"](run)
    assert {path.name for path in stored.iterdir()} == {"losses.csv", "assessment.csv"}
    table = pd.read_csv(stored / "assessment.csv")
    assert list(table) == list(ASSESSMENT.columns)
    assert list(pd.read_csv(stored / "losses.csv")) == list(LOSSES.columns)
    assert table["value"].item() == 0.33333


def test_losses_lie_in_their_intervals_and_are_ranked() -> None:
    for _, of_agent in LOSSES.groupby("agent"):
        ranked = of_agent.sort_values("rank")
        assert list(ranked["rank"]) == list(range(1, len(ranked) + 1))
        loss = ranked["loss"].astype(float).to_numpy()
        assert (np.diff(loss) <= 1e-9).all()
        low, high = (ranked[f"loss_{end}"].astype(float).to_numpy() for end in ("low", "high"))
        finite = np.isfinite(low)
        assert (low[finite] <= loss[finite]).all()
        assert (loss[finite] <= high[finite]).all()
        assert ranked["leads"].iloc[0]
    assert set(LOSSES["verdict"]) <= {"needed", "needed_together", "not_needed", "better_without", "undecided"}
    assert set(LOSSES["replacement"]) == {"resample"}


def test_a_certificate_is_given_if_its_bound_is_low_enough() -> None:
    for row in CERTIFICATES.itertuples():
        allowed = float(row.part) * abs(float(row.baseline))
        assert (str(row.holds) == "True") == (float(row.bound) <= allowed * (1 + 1e-4))
        players = set(LOSSES.loc[LOSSES["agent"] == row.agent, "player"])
        assert set(row.left_out.split("; ")) | set(filter(None, row.remaining.split("; "))) == players


def test_the_tables_are_of_the_experiment() -> None:
    plan = read_experiment(DOCS.parent / "experiments" / "faithfulness.yaml")
    assert set(plan.assess.metrics) == set(ASSESSMENT["metric"])
    assert {choice.name for choice in plan.methods} | {"random", "std"} == set(ASSESSMENT["method"])
    assert {"cartpole-ppo", "lunarlander-ppo", "pendulum-sac"} <= set(LOSSES["agent"])
    assert set(ASSESSMENT["agent"]) <= set(LOSSES["agent"])
    for name, of_metric in ASSESSMENT.groupby("metric"):
        metric, values = find_metric(str(name)), of_metric["value"].astype(float)
        assert values.between(metric.low, metric.high).all()
