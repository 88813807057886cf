"""Write the page about trust, `trust.md`, from `trust.txt` and the tables of an experiment: `python docs/trust.py`.

`python docs/trust.py FOLDER` first takes the tables from the folder of a run of `experiments/faithfulness.yaml`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from rltools._util.text import interval, listed, two_decimals
from rltools.ablation import RULE
from rltools.experiments import read_experiment
from rltools.stats import across

DOCS = Path(__file__).parent
TABLES = DOCS.parent / "experiments" / "faithfulness"
EXPERIMENT = DOCS.parent / "experiments" / "faithfulness.yaml"
SVERL = DOCS.parent / "experiments" / "sverl-gridworld" / "values.csv"
TEXT = DOCS / "trust.txt"
"""The words of the page, with the names of tables and numbers in braces."""
STORED = {
    "losses.csv": [
        *("agent", "seed", "environment", "player", "replacement", "loss", "loss_low", "loss_high", "seeds", "rank"),
        *("leads", "at_floor", "verdict", "partner", "baseline", "baseline_low", "baseline_high"),
        *("second_loss", "second_loss_low", "second_loss_high", "shapley", "shapley_low", "shapley_high"),
    ],
    "certificates.csv": [
        *("agent", "seed", "environment", "replacement", "part", "holds", "remaining", "left_out", "loss", "bound"),
        *("baseline", "seeds", "sentence"),
    ],
    "assessment.csv": [
        *("agent", "seed", "environment", "method", "target", "metric", "value", "low", "high", "n"),
        *("random", "random_limit", "std", "separates", "control", "replacement"),
    ],
}
"""The stored tables, each with its stored columns."""
METHODS = ("decision_change", "sampled_shapley", "integrated_gradients", "gradient", "std", "random")
FEWEST = 3
"""Two features have only two orders, which agree by chance half the time."""


def take(folder: Path) -> None:
    """Store the tables of a run of the experiment, numbers with five digits."""
    TABLES.mkdir(exist_ok=True)
    for name, columns in STORED.items():
        if (folder / "tables" / name).is_file():
            table = pd.read_csv(folder / "tables" / name)[columns]
            table.to_csv(TABLES / name, index=False, float_format="%.5g")


def read(name: str) -> pd.DataFrame:
    """A stored table; empty texts are texts."""
    path = TABLES / name
    return pd.read_csv(path, keep_default_na=False, na_values={"": []}) if path.is_file() else pd.DataFrame()


def table_of(*rows: Iterable[object]) -> str:
    """A Markdown table whose first row are the headings."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(tuple(rows[0])), *lines[1:]])


def mean(values: Iterable[float]) -> str:
    """The mean over agents with its 95 % interval, which three or more give; two say too little."""
    numbers = np.array([value for value in values if np.isfinite(value)])
    if not len(numbers):
        return "–"
    ends = across(numbers).interval(0.95)
    if len(numbers) < FEWEST:
        return two_decimals(float(ends.value))
    low, high = max(-1.0, float(ends.low)), min(1.0, float(ends.high))
    return interval(float(ends.value), low, high, two_decimals)


def agents_table(losses: pd.DataFrame) -> str:
    """What each agent needs: its largest losses, and how many features have which verdict."""
    rows: list[tuple[object, ...]] = [
        ("environment", "agent", "return", "largest losses", "first place", "needed", "not needed", "undecided")
    ]
    for (environment, agent), of_agent in losses.groupby(["environment", "agent"], sort=True):
        ranked = of_agent.sort_values("rank")
        first = ", ".join(f"{row.player} {ends(row, 'loss')}" for row in ranked.head(3).itertuples())
        verdicts = of_agent["verdict"].value_counts()
        rows.append(
            (
                environment,
                agent,
                ends(next(ranked.itertuples()), "baseline"),
                first,
                place(ranked),
                verdicts.get("needed", 0) + verdicts.get("needed_together", 0),
                verdicts.get("not_needed", 0) + verdicts.get("better_without", 0),
                verdicts.get("undecided", 0),
            )
        )
    return table_of(*rows)


def ends(row: object, name: str) -> str:
    """A number of a row with its interval."""
    return interval(*(float(getattr(row, column)) for column in (name, f"{name}_low", f"{name}_high")), whole)


def whole(value: float) -> str:
    """A return with three digits or without decimals."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return ("0" if float(text) == 0 else text).replace("-", "−")


def place(ranked: pd.DataFrame) -> str:
    """Whether the first place is certain."""
    leaders = ranked[ranked["leads"]]
    if len(ranked) == 1:
        return "only one"
    if len(leaders) == 1:
        return "certain"
    tied = f"tie of {len(leaders)}"
    return f"{tied}, all at the floor" if leaders["at_floor"].all() else tied


def second_first(losses: pd.DataFrame) -> tuple[list[str], int]:
    """The agents in which the mean as replacement names another first feature, and how many have both."""
    other, count = [], 0
    for agent, of_agent in losses.groupby("agent", sort=True):
        second = of_agent["second_loss"]
        if len(of_agent) < 2 or not np.isfinite(second).all():
            continue
        count += 1
        first = of_agent.sort_values("rank").iloc[0]["player"]
        # Several may lose the same.
        largest = set(of_agent.loc[second == second.max(), "player"])
        if first not in largest:
            other.append(str(agent))
    return other, count


def concordance_table(assessment: pd.DataFrame, losses: pd.DataFrame) -> str:
    """The loss-weighted concordance of each method, by environment and over all agents."""
    wide = by_agent(assessment, losses, "loss_concordance")
    rows: list[tuple[object, ...]] = [("environment", "agents", *METHODS)]
    for environment, of_environment in wide.groupby("environment", sort=True):
        rows.append((environment, len(of_environment), *(mean(column(of_environment, method)) for method in METHODS)))
    rows.append(("all", len(wide), *(mean(column(wide, method)) for method in METHODS)))
    return table_of(*rows)


def by_agent(assessment: pd.DataFrame, losses: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The values of a metric, one row for each agent with three or more features, one column for each method."""
    players = losses.groupby("agent")["player"].size()
    some = assessment[(assessment["metric"] == metric) & assessment["agent"].map(players).ge(FEWEST)]
    return some.pivot_table(index=["environment", "agent"], columns="method", values="value")


def column(wide: pd.DataFrame, method: str) -> np.ndarray:
    """The values of a method over agents; NaN where it has none."""
    values = wide[method] if method in wide else pd.Series(np.nan, index=wide.index)
    return np.asarray(values, dtype=np.float64)


def methods_table(assessment: pd.DataFrame, losses: pd.DataFrame) -> str:
    """All agents together: three metrics, and in how many agents a method certainly beats the controls."""
    rows: list[tuple[object, ...]] = [
        ("method", "concordance", "resolved pairs in order", "captured loss of the first", "beats both controls")
    ]
    players = losses.groupby("agent")["player"].size()
    for method in METHODS:
        of_method = assessment[
            (assessment["method"] == method)
            & (assessment["metric"] == "loss_concordance")
            & assessment["agent"].map(players).ge(FEWEST)
        ]
        certain = int((of_method["separates"].astype(str) == "True").sum())
        control = bool(of_method["control"].any())
        rows.append(
            (
                f"{method} (control)" if control else method,
                *(
                    mean(column(by_agent(assessment, losses, metric), method))
                    for metric in ("loss_concordance", "resolved_pairs", "captured_loss")
                ),
                "–" if control else f"{certain} of {len(of_method)} agents",
            )
        )
    return table_of(*rows)


def told_apart(assessment: pd.DataFrame, losses: pd.DataFrame) -> tuple[int, int]:
    """In how many agents some method is certainly better than both controls, of how many."""
    agents = [agent for _, agent in by_agent(assessment, losses, "loss_concordance").index]
    some = assessment[(assessment["metric"] == "loss_concordance") & (assessment["separates"].astype(str) == "True")]
    return len(set(some["agent"]) & set(agents)), len(agents)


def differences(assessment: pd.DataFrame, losses: pd.DataFrame) -> str:
    """Methods compared agent by agent."""
    wide = by_agent(assessment, losses, "loss_concordance")
    sentences = []
    for first, second in (
        ("decision_change", "sampled_shapley"),
        ("sampled_shapley", "gradient"),
        ("sampled_shapley", "std"),
    ):
        apart = column(wide, first) - column(wide, second)
        finite = apart[np.isfinite(apart)]
        result = across(finite).interval(0.95)
        certain = bool(result.low > 0 or result.high < 0)
        sentences.append(
            f"{first} minus {second}: {interval(*map(float, (result.value, result.low, result.high)), two_decimals)}"
            f"{'' if certain else ', not certain'}"
        )
    return "; ".join(sentences)


def certificates_table(certificates: pd.DataFrame) -> str:
    """What can be left out, by agent."""
    rows: list[tuple[object, ...]] = [
        ("agent", "certificate", "features that stay", "left out", "part of the return lost, at most (95 %)", "seeds")
    ]
    for row in certificates.sort_values(["environment", "agent"]).itertuples():
        size = abs(float(row.baseline))
        left, stay = ([name for name in str(names).split("; ") if name] for names in (row.left_out, row.remaining))
        rows.append(
            (
                row.agent,
                "given" if str(row.holds) == "True" else "refused",
                f"{len(stay)}: {listed(stay, 6)}" if stay else "none",
                f"{len(left)}: {listed(left, 6)}",
                f"{100 * float(row.loss) / size:.1f} %, {100 * float(row.bound) / size:.1f} %".replace("-", "−"),
                row.seeds,
            )
        )
    return table_of(*rows)


def below_zero(losses: pd.DataFrame) -> str:
    """The features without which an agent certainly does better."""
    better = losses[losses["loss_high"] < 0].sort_values(["environment", "agent", "loss"])
    named = [f"{row.agent} without {row.player} ({ends(row, 'loss')})" for row in better.itertuples()]
    return listed(named) if named else "none"


def sverl() -> tuple[str, dict[str, float]]:
    """The outcomes of the gridworlds as a table, and the largest differences of all numbers."""
    values = pd.read_csv(SVERL)
    rows: list[tuple[object, ...]] = [
        (
            "world",
            "from",
            "feature",
            "published",
            "exact",
            "`ablate`, nearest",
            "exact, resampled",
            "`ablate`, resample",
        )
    ]
    for row in values[values["of"] == "outcome"].to_dict("records"):
        measured = (
            interval(*(row[f"{prefix}{end}"] for end in ("rltools", "low", "high")), two_decimals)
            for prefix in ("", "resampled ")
        )
        first, second = measured
        rows.append(
            (
                *(row["world"], f"({row['x']}, {row['y']})", row["feature"], f"{row['published']:.3f}"),
                *(f"{row['exact']:.3f}", first, f"{row['resampled exact']:.3f}", second),
            )
        )
    outcome = values["of"] == "outcome"
    apart = {
        "sampled": float((values["published"] - values["exact"])[outcome].abs().max()),
        "others": float((values["published"] - values["exact"])[~outcome].abs().max()),
        "rules": float((values["exact"] - values["resampled exact"]).abs().max()),
        "held": float(
            ((values["low"] <= values["exact"]) & (values["exact"] <= values["high"]))[outcome].sum()
            + (
                (values["resampled low"] <= values["resampled exact"])
                & (values["resampled exact"] <= values["resampled high"])
            )[outcome].sum()
        ),
        "intervals": float(2 * outcome.sum()),
    }
    return table_of(*rows), apart


def page() -> str:
    """The page as Markdown."""
    losses, certificates, assessment = (read(name) for name in STORED)
    numeric = [name for name in losses if name.startswith(("loss", "second", "baseline", "shapley"))]
    losses[numeric] = losses[numeric].apply(pd.to_numeric, errors="coerce")
    assessment["value"] = pd.to_numeric(assessment["value"], errors="coerce")
    places = [place(of_agent.sort_values("rank")) for _, of_agent in losses.groupby("agent")]
    other, both = second_first(losses)
    grid, apart = sverl()
    few = sorted(agent for agent, count in losses.groupby("agent")["player"].size().items() if count < FEWEST)
    verdicts = losses["verdict"].value_counts()
    given = int((certificates["holds"].astype(str) == "True").sum()) if len(certificates) else 0
    return TEXT.read_text(encoding="utf-8").format(
        agents=losses["agent"].nunique(),
        environments=losses["environment"].nunique(),
        zoo=len(set(losses["agent"]) - {agent.model for agent in read_experiment(EXPERIMENT).agents}),
        agents_table=agents_table(losses),
        certain=places.count("certain"),
        tied=sum(text.startswith("tie") for text in places),
        floor=sum(text.endswith("floor") for text in places),
        other=f"{len(other)} of {both}" + (f" ({listed(other)})" if other else ""),
        below=below_zero(losses),
        needed=verdicts.get("needed", 0),
        together=verdicts.get("needed_together", 0),
        not_needed=verdicts.get("not_needed", 0),
        better=verdicts.get("better_without", 0),
        undecided=verdicts.get("undecided", 0),
        players=len(losses),
        few=listed(few) or "none",
        concordance_table=concordance_table(assessment, losses),
        methods_table=methods_table(assessment, losses),
        differences=differences(assessment, losses),
        told_apart="{} of {}".format(*told_apart(assessment, losses)),
        certificates=certificates_table(certificates) if len(certificates) else "No certificate was searched.",
        given=given,
        searched=len(certificates),
        rule=RULE,
        grid=grid,
        sampled=f"{apart['sampled']:.4f}",
        others=f"{apart['others']:.4f}",
        rules=f"{apart['rules']:.2f}",
        held=int(apart["held"]),
        intervals=int(apart["intervals"]),
    )


def main() -> None:
    """Write the page."""
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]))
    (DOCS / "trust.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
