"""The returns of each agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results, RunResult
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, by_environment, joined

if TYPE_CHECKING:
    import pandas as pd

PRINTED = Printed(
    "Undiscounted returns of the recorded episodes, with 95 % confidence intervals over episodes.",
    rows=RUN,
    values=(
        Column("Mean return", "value", "number", "low", "high", bold="best"),
        Column("Std", "std", "number"),
        Column("Episodes", "episodes", "count"),
        Column("Steps", "steps", "count"),
    ),
    bold="the largest mean of an environment",
    reduce=by_environment,
)


def returns(results: Results) -> pd.DataFrame:
    """A row for each run.

    Columns after those of the run:
        value, low, high: the mean undiscounted return of the recorded episodes that no fault ended, in units of the
            reward, and its 95 % interval over episodes; NaN for fewer than five.
        std: the standard deviation of these returns; NaN for a single episode.
        episodes: how many were recorded.
        steps: how many steps these have.
        best: whether no other run of its environment has a larger mean.
    """
    frame = joined((result, _row(result)) for result in results)
    if frame.empty:
        return frame
    return frame.assign(best=frame["value"] == frame.groupby("environment")["value"].transform("max"))


def _row(result: RunResult) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    summary = result.summaries[0]
    rewards = np.array([outcome.total_reward for outcome in summary.outcomes if outcome.ended != "fault"])
    return pd.DataFrame(
        {
            "value": [summary.returns.mean],
            "low": [summary.returns.low],
            "high": [summary.returns.high],
            "std": [rewards.std(ddof=1) if len(rewards) > 1 else np.nan],
            "episodes": [summary.episodes],
            "steps": [summary.n_steps],
        }
    )
