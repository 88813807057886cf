"""Experiments that measure what agents need and judge their attributions, over named agents and over a zoo."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from rltools import run_experiment
from rltools.ablation import open_ablation
from rltools.errors import ConfigError
from rltools.experiments import read_experiment
from rltools.experiments.tables.losses import loss_table
from rltools.experiments.zoo import ZOO, zoo_agents, zoo_label

MEASURED = """
description: Do attributions name what the agent needs?
agents: [cartpole-ppo]
methods: [gradient]
episodes: 2
max_steps: 20
ablate: {seeds: 3, most: 3, leave_out: true}
assess: [loss_concordance, captured_loss]
reports: false
"""
MODEL = Path(__file__).parents[2] / "agents" / "cartpole-ppo" / "model.zip"
FAULTS = {
    "ablate: {seeds: 1}": "ablate.seeds: must be at least 2, not 1",
    "ablate: {seeds: 20, most: 8}": "most is 8, and seeds is 20",
    "ablate: {replace: rsample}": "ablate.replace: no replacement 'rsample'; did you mean resample",
    "ablate: {second: resample}": "second is resample, as replace is",
    "ablate: {leave_out: maybe}": "ablate.leave_out: must be true or false",
    "ablate: {seedz: 3}": "ablate.seedz: unknown key; did you mean 'seed'",
    "assess: {metrics: []}": "assess.metrics: must have at least one element",
    "assess: {metrics: [pgi], steps: 0}": "assess.steps: must be at least 1, not 0",
    "assess: [loss_concordanc]": "assess[0]: no metric 'loss_concordanc'; did you mean loss_concordance",
    "zoo: 3": "zoo: must be true or false",
    "reports: 3": "reports: must be true or false",
}


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "needs.yaml"
    file.write_text(MEASURED)
    return file


@pytest.mark.parametrize("line", FAULTS)
def test_each_fault_is_named(line: str, path: Path) -> None:
    key = line.partition(":")[0]
    rest = [each for each in MEASURED.splitlines() if not each.startswith(key)]
    path.write_text("\n".join([*rest, line]), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_experiment(path)
    assert FAULTS[line] in str(refused.value)


def test_nothing_is_measured_unless_the_file_asks_for_it(path: Path) -> None:
    plan = read_experiment(path, ["ablate=null", "assess=[]"])
    assert plan.ablate is None
    assert plan.assess is None
    assert read_experiment(path, ["ablate={}"]).ablate.most == 128


def test_losses_and_judgements_are_tables_and_on_the_page_and_are_made_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run_experiment(path)
    folder = output.page.parent
    tables = folder / "tables"
    run = ("cartpole-ppo", 0)
    losses, certificates, judged = (
        pd.read_csv(tables / f"{name}.csv") for name in ("losses", "certificates", "assessment")
    )
    ablation = output.measured[run].ablation
    assert list(losses["player"]) == list(ablation.players)
    assert set(losses["agent"]) == {"cartpole-ppo"}
    assert set(losses["environment"]) == {"CartPole-v1"}
    assert losses["loss"].to_numpy() == pytest.approx(ablation.losses().interval.value)
    assert list(losses["verdict"]) == [verdict.kind for verdict in ablation.verdicts()]
    assert sorted(losses["rank"]) == [1, 2, 3, 4]
    assert len(certificates) == (ablation.certificate is not None)
    assert set(judged["metric"]) <= {"loss_concordance", "captured_loss"}
    assert set(judged["method"]) == {"gradient"}
    page = output.page.read_text(encoding="utf-8")
    assert "What the agents need" in page
    assert "How the methods compare with what was measured" in page
    assert losses.loc[losses["rank"] == 1, "player"].item() in page
    assert not (folder / "cartpole-ppo-seed-0" / "index.html").exists()
    assert 'href="cartpole-ppo-seed-0' not in page

    before = {file: file.stat().st_mtime_ns for file in folder.rglob("0*.parquet")}
    monkeypatch.setattr("rltools.experiments.measurements.assess", lambda *args, **options: pytest.fail("done before"))
    again = run_experiment(path)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("0*.parquet")} == before
    pd.testing.assert_frame_equal(pd.read_csv(tables / "losses.csv"), losses)
    pd.testing.assert_frame_equal(pd.read_csv(tables / "assessment.csv"), judged)
    assert again.findings == output.findings


def test_coalitions_fill_the_columns_of_outcome_values(path: Path) -> None:
    output = run_experiment(path, ["ablate={seeds: 2, most: 2, coalitions: true}", "assess=[]"])
    tables = output.page.parent / "tables"
    table = pd.read_csv(tables / "losses.csv")
    ablation = open_ablation(output.recordings["cartpole-ppo", 0])
    assert table["shapley"].to_numpy() == pytest.approx(ablation.shapley().interval.value)
    assert loss_table(ablation)["second_loss"].notna().all()
    assert not (tables / "assessment.csv").exists()


def test_a_zoo_is_run_only_if_it_is_named_and_asked_for(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ZOO, raising=False)
    assert zoo_agents() == ()
    for folder in ("ppo/CartPole-v1_2", "ppo/CartPole-v1_10", "a2c/CartPole-v1_1", "a2c/CartPole-v1_2"):
        (tmp_path / "zoo" / folder / "CartPole-v1").mkdir(parents=True)
        shutil.copy(MODEL, tmp_path / "zoo" / folder / "CartPole-v1.zip")
        (tmp_path / "zoo" / folder / "CartPole-v1" / "config.yml").write_text("policy: MlpPolicy\n")
    (tmp_path / "zoo" / "a2c" / "CartPole-v1_1" / "CartPole-v1.zip").write_bytes(b"no model")
    (tmp_path / "zoo" / "a2c" / "CartPole-v1_2" / "CartPole-v1" / "config.yml").unlink()
    monkeypatch.setenv(ZOO, str(tmp_path / "zoo"))
    labels = [zoo_label(agent) for agent in zoo_agents()]
    assert labels == ["a2c-CartPole-v1_1", "a2c-CartPole-v1_2", "ppo-CartPole-v1_2", "ppo-CartPole-v1_10"]
    assert list(run_experiment(path, ["ablate=null", "assess=[]"]).recordings) == [("cartpole-ppo", 0)]
    output = run_experiment(path, ["zoo=true", "ablate=null", "assess=[]"])
    assert list(output.recordings) == [("cartpole-ppo", 0), *((label, 0) for label in labels[2:])]
    assert [reason.partition(": ")[0] for reason in output.left_out] == labels[:2]
    assert "no environment to act in" in output.left_out[1]
    assert all(label in output.page.read_text(encoding="utf-8") for label in labels)


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_zoo_without_agents_is_refused_in_one_line(
    folder: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv(ZOO, str(tmp_path / folder))
    with pytest.raises(ConfigError, match=f"{ZOO} is .*{folder}"):
        run_experiment(path, ["zoo=true"])
    assert not (tmp_path / "runs").exists()
