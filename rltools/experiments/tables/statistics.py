"""All statistics of all attributions, also by action: what the other tables and the page are computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, by_environment, joined
from rltools.summary import is_control

if TYPE_CHECKING:
    import pandas as pd

PRINTED = Printed(
    "Mean magnitude of the attribution of each feature over all steps, in units of the score or, for gradients, of the "
    "score per unit of the feature, with 95 % confidence intervals.",
    rows=(*RUN, Column("Feature", "feature")),
    values=(Column("Mean magnitude", "mean_absolute", "number", "mean_absolute_low", "mean_absolute_high"),),
    across=("method", "target", "settings"),
    reduce=lambda frame: by_environment(frame[frame["action"] == ""]),
)


def statistics(results: Results) -> pd.DataFrame:
    """A row for each run, method, target, action taken and feature.

    Columns after those of the run:
        method: of the attribution.
        settings: in what it differs from others of the same method and target; "" for the only one.
        control: whether the method is a control.
        feature, unit: its name and its unit.
        target: the explained scalar.
        action: the action taken at the steps of the row; "" for all steps.
        n, episodes: how many steps and episodes the row is over.
        carriers: the effective number of episodes that carry the number.
        mean, mean_absolute, share, and for gradients standardized_mean, standardized_mean_absolute and
            standardized_share: the statistics of `rltools.summarize`, each with its interval, `_low` and `_high`.
    """
    tables = (
        (result, summary.table.assign(method=summary.method, settings=summary.apart, control=is_control(summary.unit)))
        for result in results
        for summary in result.summaries
    )
    frame = joined(tables)
    if frame.empty:
        return frame
    labels = [*frame.columns[: frame.columns.get_loc("feature")], "method", "settings", "control"]
    return frame[[*labels, *(name for name in frame.columns if name not in labels)]]
