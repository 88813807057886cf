"""How metrics judge the attributions of each agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, by_environment, joined

if TYPE_CHECKING:
    import pandas as pd

PRINTED = Printed(
    "How metrics judge the attributions, with 95 % confidence intervals.",
    rows=(Column("Metric", "metric", "name"), *RUN),
    values=(Column("Value", "value", "correlation", "low", "high", bold="separates"),),
    across=("method", "target", "settings"),
    bold="certainly better than every control",
    reduce=lambda frame: by_environment(frame).sort_values("metric", kind="stable"),
)
TEXTS = ("method", "target", "settings", "metric", "question", "counts", "better", "verdict", "replacement", "key")


def assessment(results: Results) -> pd.DataFrame:
    """A row for each run, attribution and metric; none if the experiment names no metrics.

    Columns after those of the run are those of `rltools.assess`:
        method, target: of the attribution.
        settings: what else tells it from others of the same method and target.
        metric, question: the metric, and the question that it answers.
        value, low, high: the value with its 95 % interval, in the unit of the metric.
        n, counts: how many things the value is a mean over, and what these are.
        better: whether "higher" or "lower" values are better.
        random, random_limit, std, constant: the values of the controls, and what one random map in twenty reaches.
        separates: whether it is certainly better than every control; missing if that is unknown.
        verdict: the same as a sentence.
        control: whether the attribution is itself a control.
        replacement: what stood in the place of features where losses were measured; "" if the metric needs none.
        key: the folder of the attribution.
    """
    tables = [(result, result.measured.assessment) for result in results]
    frame = joined((result, table) for result, table in tables if table is not None)
    if frame.empty:
        return frame
    texts = {name: frame[name].astype("string").fillna("").astype(str) for name in TEXTS}
    return frame.assign(**texts, separates=frame["separates"].astype("boolean"), control=frame["control"].astype(bool))
