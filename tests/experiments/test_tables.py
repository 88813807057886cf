"""The tables of an experiment: their numbers, their files, and how they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rltools import run_experiment
from rltools.cli import main
from rltools.errors import ArgumentError, RecordingError, UnknownNameError
from rltools.experiments import ExperimentRun, open_results
from rltools.experiments.results import Results, RunResult
from rltools.experiments.tables import Column, Printed, find_table, table_names, write_tables
from rltools.experiments.tables import _latex as latex_module
from rltools.experiments.tables._printed import cells
from rltools.experiments.tables.groups import members
from rltools.stats import interquartile_mean
from rltools.summary import leaders, ranked_features

EXPERIMENT = """
description: Poles
agents: [cartpole-ppo]
methods: [gradient, shapley]
seeds: [0, 1000]
episodes: 5
max_steps: 12
ablate: {seeds: 2, most: 2, leave_out: true}
assess: [loss_concordance]
reports: false
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExperimentRun]:
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "poles.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patched:
        # Figures have tests of their own, and take longest.
        patched.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
        yield run_experiment(folder / "poles.yaml", directory=folder / "runs" / "poles")


@pytest.fixture(scope="module")
def grouped(ran: ExperimentRun) -> Results:
    """Two groups of five and of three trainings, at two points of a sweep: the two runs under other names."""

    def named(number: int, group: str) -> RunResult:
        result = ran.results[number % 2]
        return replace(result, run=replace(result.run, label=f"{group}-{number}", seed=0, group=group, point={"a": 1}))

    return (*(named(number, "five") for number in range(5)), *(named(number, "three") for number in range(3)))


@pytest.mark.parametrize("name", table_names())
def test_every_column_is_described(name: str, ran: ExperimentRun, grouped: Results) -> None:
    table = find_table(name)
    frame = table.make(grouped if name == "groups" else ran.results)
    words = f"{table.make.__doc__} agent seed environment group sweep.a"
    plain = {column.replace("_low", "").replace("_high", "") for column in frame.columns}
    assert len(frame) > 0 or name == "certificates"
    assert not [column for column in plain if not re.search(rf"\b{re.escape(column)}\b", words)]
    named = {column.name for column in (*table.printed.rows, *table.printed.values)}
    reduced = frame if table.printed.reduce is None or frame.empty else table.printed.reduce(frame)
    assert named <= set(reduced.columns) or frame.empty


def test_attributions_are_those_of_the_summaries(ran: ExperimentRun) -> None:
    frame = ran.table("attributions")
    for result in ran.results:
        for summary in result.summaries:
            rows = frame[(frame["seed"] == result.run.seed) & (frame["method"] == summary.method)]
            ranked = ranked_features(summary)
            assert list(rows["feature"]) == [each.feature for each in ranked]
            assert list(rows["rank"]) == [1, 2, 3, 4]
            assert rows["value"].to_numpy() == pytest.approx([each.share for each in ranked])
            if not rows["control"].any():
                assert set(rows.loc[rows["leads"], "feature"]) == {each.feature for each in leaders(summary)}
            assert rows["certain"].sum() == (rows["leads"].sum() == 1)
    assert not frame.loc[frame["control"], "leads"].any()


def test_agreement_compares_what_differs_in_one_thing(ran: ExperimentRun) -> None:
    frame = ran.table("agreement")
    kinds = frame["differs"].value_counts()
    assert kinds["seeds"] == 2
    assert set(kinds.index) == {"methods", "seeds"}
    assert (
        frame.loc[frame["differs"] == "methods", "seed"] == frame["other_seed"][frame["differs"] == "methods"]
    ).all()
    assert frame["value"].between(-1, 1).all()
    assert (frame["low"].isna() | (frame["low"] <= frame["value"])).all()


def test_returns_and_losses_are_what_was_recorded_and_measured(ran: ExperimentRun) -> None:
    frame = ran.table("returns")
    assert list(frame["value"]) == [12.0, 12.0]
    assert frame["best"].all()
    assert list(frame["steps"]) == [60, 60]
    losses = ran.table("losses")
    ablation = ran.measured["cartpole-ppo", 0].ablation
    assert ablation is not None
    own = losses[losses["seed"] == 0]
    assert own["loss"].to_numpy() == pytest.approx(ablation.losses().interval.value)
    assert list(own["certain"]) == list(own["leads"] & (own["leads"].sum() == 1))


def test_files_are_the_tables_and_the_same_bytes_each_time(ran: ExperimentRun, tmp_path: Path) -> None:
    folder = ran.page.parent / "tables"
    write_tables(tmp_path, ran.results)
    files = {path.name for path in folder.iterdir()}
    assert files == {path.name for path in (tmp_path / "tables").iterdir()}
    assert {"losses.csv", "losses.parquet", "losses.tex"} <= files
    assert "groups.csv" not in files
    for name in files:
        assert (folder / name).read_bytes() == (tmp_path / "tables" / name).read_bytes(), name
    for name in ("attributions", "assessment"):
        frame = ran.table(name)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), frame)
        written = pd.read_csv(folder / f"{name}.csv")
        assert written["value"].to_numpy() == pytest.approx(frame["value"].to_numpy(), rel=1e-12)
    again = open_results(ran.page.parent)
    pd.testing.assert_frame_equal(again.table("statistics"), ran.table("statistics"))
    assert again.findings == ran.findings


def test_groups_pool_trainings_and_few_have_no_interval(grouped: Results) -> None:
    frame = find_table("groups").make(grouped)
    each = members(grouped)
    for (group, quantity, method, feature), row in frame.set_index(
        ["group", "quantity", "method", "feature"]
    ).iterrows():
        own = each[(each["group"] == group) & (each["quantity"] == quantity) & (each["feature"] == feature)]
        values = own.loc[own["method"] == method, "value"].to_numpy()
        middle = interquartile_mean(values)
        assert row["trainings"] == len(values) == {"five": 5, "three": 3}[group]
        assert row["value"] == pytest.approx(float(middle.value))
        assert np.isnan(row["low"]) == (group == "three")
        assert row["smallest"] == values.min()
    assert set(frame["quantity"]) == {"return", "loss", "share"}
    assert set(frame["sweep.a"]) == {1}
    shares = frame[(frame["quantity"] == "share") & (frame["group"] == "five") & (frame["method"] == "shapley")]
    assert (shares["low"] < shares["high"]).any()


def test_an_unknown_table_is_refused_with_the_nearest(ran: ExperimentRun, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no table 'los'; did you mean losses\? there are agreement"):
        ran.table("los")
    with pytest.raises(RecordingError, match="not the folder of an experiment"):
        open_results(tmp_path)
    with pytest.raises(ArgumentError, match="the experiment has no groups: it measured or compared nothing"):
        ran.table("groups")


def rows_of(text: str) -> list[str]:
    """The lines between the rules of a LaTeX table."""
    return [line for line in text.splitlines() if line.endswith(r"\\") and "caption" not in line and "&" in line]


@pytest.mark.parametrize("name", table_names())
def test_latex_has_the_rules_of_booktabs_and_balanced_columns(name: str, ran: ExperimentRun, grouped: Results) -> None:
    table = find_table(name)
    frame = table.make(grouped if name == "groups" else ran.results)
    if frame.empty:
        return
    text = table.latex(frame)
    columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{(.*)\}\n", text)
    assert columns is not None
    width = len(re.sub(r"p\{.*?\}\}?", "l", columns[1]))
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows_of(text)} == {width - 1}
    assert [text.count(rule) > 0 for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    assert text.count("{") == text.count("}")
    assert f"\\label{{tab:{name}}}" in text
    assert text.isascii()


def test_marks_digits_and_names_of_a_printed_table() -> None:
    printed = Printed(
        "Shares & more.",
        rows=(Column("Agent", "agent"), Column("Env", "env"), Column("Feature", "feature")),
        values=(Column("Share", "value", "percent", "low", "high", bold="sure", italic="leads"),),
        across=("method", "target"),
        bold="sure",
    )
    frame = pd.DataFrame(
        {
            "agent": ["a_1", "a_1", "b"],
            "env": "E",
            "feature": ["θ", "x", "θ"],
            "method": "my_method",
            "target": "t",
            "value": [0.314, 0.02, 0.5],
            "low": [0.28, 0.01, np.nan],
            "high": [0.34, 0.04, np.nan],
            "sure": [True, False, False],
            "leads": [True, False, True],
        }
    )
    table = cells(frame, printed)
    assert table.headings == ("Agent", "Feature", "my method")
    assert table.rows[0] == (("a_1", ""), ("θ", ""), ("31 % [28, 34]", "bold"))
    assert table.rows[1] == (("", ""), ("x", ""), ("2.0 % [1.0, 4.0]", ""))
    assert table.rows[2][2] == ("50 %", "italic")
    assert table.caption == "Shares & more. Env: E. Bold: sure."
    text = latex_module.latex(table, "shares")
    assert r"a\_1 & $\theta$ & \textbf{31 \% [28, 34]} \\" in text
    assert r"Shares \& more." in text
    assert "longtable" not in text
    long = latex_module.latex(cells(pd.concat([frame] * 30).assign(agent=range(90)), printed), "shares")
    assert r"\begin{longtable}" in long
    assert "booktabs,longtable" in long.splitlines()[0]


def test_hostile_names_stay_text() -> None:
    assert latex_module.escaped("\\input{x} $a^2~b| −1\x1b\n") == (
        r"\textbackslash{}input\{x\} \$a\textasciicircum{}2\textasciitilde{}b\textbar{} $-$1  "
    )


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["returns"], "Seed  Mean return  Std  Episodes  Steps\n0     12"),
        (["returns", "--format", "csv"], "agent,seed,environment,group,value"),
        (["losses", "--format", "tex"], "% needs \\usepackage{booktabs}"),
        (["groups"], "groups has no rows"),
        ([], "agreement     "),
    ],
)
def test_the_command_prints_and_writes_tables(
    options: list[str],
    start: str,
    ran: ExperimentRun,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["rltools", "tables", str(ran.page.parent), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out.startswith(start)


def test_a_name_means_the_results_in_runs_and_tables_are_written_there(
    ran: ExperimentRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran.page.parents[2])
    monkeypatch.setattr("sys.argv", ["rltools", "tables", "poles"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert f"Written to {Path('runs/poles/tables')}," in capsys.readouterr().out
    assert not Path("poles").exists()


def test_points_of_a_swept_environment_are_pairs_of_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("poles.yaml").write_text(
        "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 1, max_steps: 5, reports: false,"
        " controls: false, sweep: {environment.kwargs.sutton_barto_reward: [true, false]}}",
        encoding="utf-8",
    )
    frame = run_experiment("poles.yaml").table("agreement")
    assert list(frame["differs"]) == ["points"]
