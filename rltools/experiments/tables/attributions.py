"""How much each feature matters to each agent, by each method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, by_environment, joined
from rltools.summary import DECISION, Summary, is_control, leaders, ranked_features

if TYPE_CHECKING:
    import pandas as pd


def attributions(results: Results) -> pd.DataFrame:
    """A row for each run, method, target and feature.

    Columns after those of the run:
        method, target: of the attribution, as in the experiment's file.
        settings: in what it differs from others of the same method and target; "" for the only one.
        control: whether the method is a control, which knows nothing about the agent.
        quantity: "share" of what moves the target value, from 0 to 1; "change" for the target decision: the part of
            steps at which the choice changes, or how far a continuous action moves, as a part of its range.
        feature: its name.
        unit: its unit; "" for none.
        value, low, high: the quantity and its 95 % interval over episodes and references; NaN for fewer than five.
        rank: 1 for the most important feature of the method.
        leads: whether it cannot be told apart from the first; never for a control.
        certain: whether it is certainly the first.
        episodes, steps: how many the numbers are over.
    """
    return joined((result, _table(summary)) for result in results for summary in result.summaries)


def _table(summary: Summary) -> pd.DataFrame:
    import pandas as pd

    ranked, control = ranked_features(summary), is_control(summary.unit)
    first = set() if control else {each.feature for each in leaders(summary)}
    return pd.DataFrame(
        {
            "method": summary.method,
            "target": summary.target,
            "settings": summary.apart,
            "control": control,
            "quantity": "change" if summary.target == DECISION else "share",
            "feature": [each.feature for each in ranked],
            "unit": [summary.units[each.position] for each in ranked],
            "value": [each.share for each in ranked],
            "low": [each.low for each in ranked],
            "high": [each.high for each in ranked],
            "rank": range(1, len(ranked) + 1),
            "leads": [each.feature in first for each in ranked],
            "certain": [{each.feature} == first for each in ranked],
            "episodes": summary.episodes,
            "steps": summary.n,
        }
    )


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Runs together, features in the order of the first method, controls last."""
    first = frame.groupby(["agent", "seed", "feature"], sort=False)["rank"].transform("first")
    names = frame["method"] + frame["control"].map({True: " (control)", False: ""})
    ordered = frame.assign(method_name=names, first=first)
    return by_environment(ordered, "first")


PRINTED = Printed(
    "Share of each feature in what moves the target value; for the target decision, how much the choice or the action "
    "changes with the feature. With 95 % confidence intervals over episodes and references.",
    rows=(*RUN, Column("Feature", "feature")),
    values=(Column("Share", "value", "percent", "low", "high", bold="certain", italic="leads"),),
    across=("method_name", "target", "settings"),
    bold="certainly the first feature of the agent by the method",
    italic="cannot be told apart from the first",
    reduce=_in_order,
)
