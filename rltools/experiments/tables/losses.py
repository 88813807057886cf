"""What each agent loses of its return without each feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import Column, Printed
from rltools.experiments.tables._rows import RUN, by_environment, joined

if TYPE_CHECKING:
    import pandas as pd

    from rltools.ablation import Ablation

PRINTED = Printed(
    "Return lost in whole episodes in which the policy sees a feature replaced, with 95 % confidence intervals over "
    "seeds.",
    rows=(*RUN, Column("Return", "baseline", "number", "baseline_low", "baseline_high"), Column("Feature", "player")),
    values=(
        Column("Loss", "loss", "number", "loss_low", "loss_high", bold="certain", italic="leads"),
        Column("Verdict", "verdict", "name"),
    ),
    bold="certainly the largest loss of the agent",
    italic="cannot be told apart from the largest",
    reduce=lambda frame: by_environment(frame, "rank"),
)


def losses(results: Results) -> pd.DataFrame:
    """A row for each run and variable that was hidden from its policy; none if nothing was measured.

    Columns after those of the run:
        player: the feature, or the group of features.
        replacement: what stood in its place.
        loss, loss_low, loss_high: mean return without replacement minus that with it, in units of the reward, and its
            95 % interval over seeds; NaN where it was not measured.
        seeds: the number of paired episodes.
        rank: 1 for the largest loss of the run.
        leads: whether it cannot be told apart from the largest.
        certain: whether it is certainly the largest.
        at_floor: whether everything is lost, as far as that can be measured.
        verdict: "needed", "needed_together", "not_needed", "better_without" or "undecided".
        partner: with which other variable it is needed; "" for none.
        baseline, baseline_low, baseline_high: the mean return without replacement, and its interval.
        second_loss, second_loss_low, second_loss_high: the loss by the second replacement, with its interval.
        shapley, shapley_low, shapley_high: the outcome Shapley value with its interval, if sets were measured.
    """
    measured = [(result, result.measured.ablation) for result in results]
    return joined((result, loss_table(ablation)) for result, ablation in measured if ablation is not None)


def loss_table(ablation: Ablation, level: float = 0.95) -> pd.DataFrame:
    """The rows of one run, without the columns that say which run it is."""
    import numpy as np
    import pandas as pd

    losses, shapley = ablation.losses(level=level), ablation.shapley(level)
    second = None if ablation.second is None else ablation.losses(ablation.second, level)
    rank = np.empty(len(losses.players), np.int64)
    rank[losses.order] = np.arange(1, len(rank) + 1)
    verdicts = ablation.verdicts(level)
    missing = np.full(len(rank), np.nan)

    def ends(name: str, interval: object) -> dict[str, np.ndarray]:
        parts = ("value", "low", "high")
        columns = (name, f"{name}_low", f"{name}_high")
        return {
            column: missing if interval is None else np.broadcast_to(getattr(interval, part), missing.shape)
            for column, part in zip(columns, parts, strict=True)
        }

    leads = rank <= losses.leaders
    return pd.DataFrame(
        {"player": losses.players, "replacement": losses.replacement}
        | ends("loss", losses.interval)
        | {"seeds": losses.seeds, "rank": rank, "leads": leads, "certain": leads & (losses.leaders == 1)}
        | {"at_floor": losses.at_floor}
        | {"verdict": [each.kind for each in verdicts], "partner": [each.partner for each in verdicts]}
        | ends("baseline", losses.baseline)
        | ends("second_loss", None if second is None else second.interval)
        | ends("shapley", None if shapley is None else shapley.interval)
    )
