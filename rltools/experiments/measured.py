"""What an experiment measures: what agents need, and how metrics judge the attributions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.files import atomic_write, os_errors_as
from rltools.ablation import Ablation, ablations
from rltools.experiments.cells import Job, Run
from rltools.experiments.file import Experiment
from rltools.metrics import assess
from rltools.policies.base import Policy
from rltools.recording import Recording, open_recording

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


def recording_of(job: Job, run: Run) -> Recording:
    """The recording of a run."""
    return open_recording(job.folder / run.name)


def ablation_of(job: Job, recording: Recording) -> Ablation | None:
    """What was measured of a run by the experiment; None if it measures nothing."""
    choice = job.plan.ablate
    if choice is None:
        return None
    own = (each for each in ablations(recording) if each.replace == choice.replace and each.second == choice.second)
    return next(own, None)


def assessment_path(plan: Experiment, folder: Path, run: Run, recording: Recording, ablation: Ablation | None) -> Path:
    """The file of an assessment; its name follows from the attributions, rollouts and metrics that it is made from."""
    made_from = {
        "versions": [version("rltools-attribution"), version("torch")],
        "metrics": list(plan.assess),
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
    path = assessment_path(plan, folder, run, recording, ablation)
    if path.is_file():
        return
    table = assess(recording, policy, list(plan.assess), ablation=ablation)
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
