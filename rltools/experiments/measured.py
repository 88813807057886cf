"""What an experiment measures: what agents need, and how metrics judge the attributions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.files import atomic_write, os_errors_as
from rltools.ablation import Ablation, Certificate
from rltools.experiments.cells import Run
from rltools.experiments.file import Experiment
from rltools.metrics import assess
from rltools.policies.base import Policy
from rltools.recording import Recording

if TYPE_CHECKING:
    import pandas as pd

RunKey = tuple[str, int]
"""An agent's label and the seed of its recording."""
DIGITS = 12
"""Digits of the hash in the name of a stored assessment."""


@dataclass(frozen=True)
class Measured:
    """What was measured of one agent from one seed.

    Attributes:
        environment: the id of the environment.
        ablation: the losses and whatever else was measured; None if the experiment does not ask for it.
        assessment: a row for each attribution and metric, as `rltools.assess` returns them; None likewise.
    """

    environment: str
    ablation: Ablation | None = None
    assessment: pd.DataFrame | None = None


def assessment_path(plan: Experiment, folder: Path, run: Run, recording: Recording, ablation: Ablation | None) -> Path:
    """The file of an assessment; its name follows from the attributions, rollouts and metrics that it is made from."""
    made_from = {
        "versions": [version("rltools-attribution"), version("torch")],
        "assess": None if plan.assess is None else plan.assess.model_dump(mode="json"),
        "recording": recording.seal,
        "episodes": len(recording),
        "attributions": sorted(recording.specs),
        "ablation": None if ablation is None else [ablation.key, len(ablation.rollouts)],
    }
    digits = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:DIGITS]
    return folder / "assessments" / f"{run.name}-{digits}.csv"


def write_assessment(
    plan: Experiment, folder: Path, run: Run, recording: Recording, policy: Policy, ablation: Ablation | None
) -> None:
    """Judge the attributions of a run, unless that was done from the same attributions, rollouts and metrics.

    Args:
        plan: the experiment.
        folder: of the experiment.
        run: the agent and the seed.
        recording: explained by all methods.
        policy: the recorded policy.
        ablation: what was measured of it; None if nothing was.
    """
    path, choice = assessment_path(plan, folder, run, recording, ablation), plan.assess
    if choice is None or path.is_file():
        return
    options = choice.model_dump(exclude={"metrics"}, exclude_none=True)
    table = assess(recording, policy, list(choice.metrics), ablation=ablation, **options)
    with os_errors_as(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            table.to_csv(temporary, index=False)


def read_assessment(
    plan: Experiment, folder: Path, run: Run, recording: Recording, ablation: Ablation | None
) -> pd.DataFrame:
    """The table that `write_assessment` wrote."""
    import pandas as pd

    path = assessment_path(plan, folder, run, recording, ablation)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def write_measured(folder: Path, measured: Mapping[RunKey, Measured]) -> None:
    """Write `losses.csv`, `certificates.csv` and `assessment.csv` of all agents, those that the experiment asks for."""
    import pandas as pd

    ablations = {run: each.ablation for run, each in measured.items() if each.ablation is not None}
    certificates = {run: ablation.certificate for run, ablation in ablations.items()}
    tables: dict[str, dict[RunKey, pd.DataFrame]] = {
        "losses.csv": {run: loss_table(ablation) for run, ablation in ablations.items()},
        "certificates.csv": {run: certificate_table(each) for run, each in certificates.items() if each is not None},
        "assessment.csv": {run: each.assessment for run, each in measured.items() if each.assessment is not None},
    }
    for name, of_runs in tables.items():
        if of_runs:
            joined = pd.concat([_labeled(run, measured[run].environment, table) for run, table in of_runs.items()])
            with os_errors_as(folder / name), atomic_write(folder / name) as temporary:
                joined.to_csv(temporary, index=False)


def _labeled(run: RunKey, environment: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the agent, the seed of its recording and its environment as the first columns."""
    labeled = table.assign(agent=run[0], seed=run[1], environment=environment)
    return labeled[["agent", "seed", "environment", *table.columns]]


def loss_table(ablation: Ablation, level: float = 0.95) -> pd.DataFrame:
    """A row for each variable of an agent: its loss, its verdict, and its outcome Shapley value if it was measured.

    Columns: player, replacement, loss with low and high, seeds, rank, leads (whether it cannot be told
    apart from the first), at_floor, verdict, partner, baseline with low and high, the loss by the second replacement
    with its ends, and the Shapley value with its ends; NaN where nothing was measured.
    """
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

    return pd.DataFrame(
        {"player": losses.players, "replacement": losses.replacement}
        | ends("loss", losses.interval)
        | {"seeds": losses.seeds, "rank": rank, "leads": rank <= losses.leaders, "at_floor": losses.at_floor}
        | {"verdict": [each.kind for each in verdicts], "partner": [each.partner for each in verdicts]}
        | ends("baseline", losses.baseline)
        | ends("second_loss", None if second is None else second.interval)
        | ends("shapley", None if shapley is None else shapley.interval)
    )


def certificate_table(certificate: Certificate) -> pd.DataFrame:
    """A row: what can be left out, and how sure that is; names of variables are separated by `; `."""
    import pandas as pd

    return pd.DataFrame(
        {
            "replacement": [certificate.replacement],
            "part": [certificate.part],
            "holds": [certificate.holds],
            "remaining": ["; ".join(certificate.remaining)],
            "left_out": ["; ".join(certificate.left_out)],
            "loss": [certificate.loss],
            "bound": [certificate.bound],
            "baseline": [certificate.baseline],
            "seeds": [certificate.seeds],
            "sentence": [str(certificate)],
        }
    )
