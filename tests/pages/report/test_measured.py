"""What an experiment's page says of measured losses and of metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rltools import explain, record
from rltools.ablation import Ablation, AblationSpec, Rollouts
from rltools.pages.report import write_comparison
from rltools.pages.report._measured import judged, needs, needs_caption

RUN = ("tiny", 0)
PLAYERS = ("angle", "<b>speed</b>", "noise")


def by_hand(without: tuple[tuple[float, ...], ...], baseline: tuple[float, ...]) -> Ablation:
    """An ablation with these returns with nothing hidden, and without each player, by seed."""
    seeds = len(baseline)
    returns = np.array([baseline, *without])
    hidden = np.repeat(np.vstack([np.zeros(3, bool), np.eye(3, dtype=bool)]), seeds, axis=0)
    count = returns.size
    rollouts = Rollouts(
        replacement=np.array([""] * seeds + ["resample"] * (count - seeds), object),
        hidden=hidden,
        number=np.tile(np.arange(seeds), 4),
        seed=np.tile(np.arange(seeds), 4),
        total_reward=returns.ravel(),
        steps=np.ones(count, np.int64),
        ended=np.full(count, "terminated", object),
        fault=np.full(count, "", object),
        purpose=np.full(count, "loss", object),
        part=np.full(count, np.nan),
    )
    spec = AblationSpec("resample", "", "variables", PLAYERS, 0, 10, 1, "tiny", "", "", "")
    return Ablation(spec, tuple(np.array([player]) for player in range(3)), rollouts)


BASELINE = (100.0, 101, 99, 100, 102, 98, 100, 101)
CERTAIN = by_hand(((5, 4, 6, 5, 7, 3, 5, 6), (50, 52, 49, 50, 51, 48, 50, 52), BASELINE), BASELINE)
TIED = by_hand(((20, 80, 30, 60, 50, 70, 25, 45), (60, 25, 70, 30, 80, 20, 45, 50), BASELINE), BASELINE)


def test_the_largest_losses_come_first_with_their_intervals() -> None:
    (need,) = needs({RUN: "tiny"}, {RUN: CERTAIN})
    names = [part.partition(" ")[0] for part in need.losses.split(", ") if part[0].isalpha() or part[0] == "<"]
    assert names == ["angle", "<b>speed</b>"], "the loss of noise may be none"
    assert need.losses.startswith("angle 95.0 [")
    assert "cannot be told apart" not in need.losses
    assert need.not_needed == "noise"
    assert need.baseline.startswith("100.1 [")
    assert need.certificate == ""


def test_a_tie_is_said() -> None:
    (need,) = needs({RUN: "tiny"}, {RUN: TIED})
    assert need.losses.endswith("the first 2 cannot be told apart")


def test_the_caption_names_the_replacement_and_the_rule() -> None:
    caption = needs_caption({RUN: CERTAIN})
    assert "that of another visited state" in caption
    assert "is needed if" in caption
    assert needs_caption({}) == ""


def assessment(values: dict[str, float], separates: object = True) -> pd.DataFrame:
    rows = [
        {"metric": "loss_concordance", "method": name, "control": name == "std", "value": value}
        | {"low": value - 0.1, "high": value + 0.1, "separates": separates}
        for name, value in values.items()
    ]
    return pd.DataFrame(rows)


def test_methods_are_lines_and_runs_are_columns() -> None:
    first, second = assessment({"gradient": 0.5, "std": 0.2}), assessment({"gradient": -0.25}, separates=False)
    (table,) = judged({("a", 0): "a", ("b", 0): "b"}, {("a", 0): first, ("b", 0): second})
    assert (table.metric, table.methods) == ("loss_concordance", ("gradient", "std"))
    assert table.rows == (("a", ("0.50 [0.40, 0.60]", "0.20 [0.10, 0.30]")), ("b", ("−0.25 [−0.35, −0.15]", "–")))
    assert table.separates == ("1 of 2", "a control")


def test_the_page_has_both_tables_and_no_markup_of_names(tmp_path: Path, make_policy, make_env) -> None:  # type: ignore[no-untyped-def]
    env = make_env(length=4)
    policy = make_policy(env, name="tiny")
    recording = explain(record(policy, env, episodes=2, directory=tmp_path / "run"), policy, method="gradient")
    plain, _ = write_comparison(tmp_path, "What is needed?", {RUN: recording})
    assert "What the agents need" not in plain.read_text(encoding="utf-8")
    page, _ = write_comparison(
        tmp_path,
        "What is needed?",
        {RUN: recording},
        ablations={RUN: CERTAIN},
        assessments={RUN: assessment({"gradient": 0.5})},
        left_out=("ant: <i>observes</i> other shapes",),
    )
    text = page.read_text(encoding="utf-8")
    assert "What the agents need" in text
    assert "&lt;b&gt;speed&lt;/b&gt;" in text
    assert "<b>speed" not in text
    assert "&lt;i&gt;observes" in text
    assert "0.50 [0.40, 0.60]" in text
