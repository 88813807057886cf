"""What an experiment measures: what agents need, and how metrics judge the attributions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.files import atomic_write, os_errors_as
from rltools.ablation import Ablation, ablations
from rltools.experiments.cells import Job, Run, cells_by_run
from rltools.experiments.claims import CellState, result_of
from rltools.experiments.file import Experiment
from rltools.metrics import assess
from rltools.policies.base import Policy
from rltools.recording import Recording, open_recording
from rltools.spaces.groups import resolved_groups

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 12
"""Digits of the hash in the name of a stored assessment."""


@dataclass(frozen=True)
class RunMeasurements:
    """What was measured of one agent from one seed.

    Attributes:
        environment: the id of the environment.
        ablation: the losses and whatever else was measured; None if the experiment does not ask for it.
        assessment: a row for each attribution and metric, as `rltools.assess` returns them; None if the
            experiment does not ask for it.
    """

    environment: str
    ablation: Ablation | None = None
    assessment: pd.DataFrame | None = None


def recording_of(
    job: Job, run: Run, states: Mapping[str, CellState], cells: Iterable[str] | None = None, *, complete: bool = False
) -> Recording:
    """The recording of a run, with the attributions that the run has, of which its folder may have more.

    Of several that match a method and a target equally it selects the first.

    Args:
        job: the experiment.
        run: the run.
        states: of its cells.
        cells: the cells whose attributions come first; None for all of the run.
        complete: keep whatever else is in the folder, too.
    """
    recording = open_recording(job.folder / run.name)
    cells = cells_by_run(job)[run.key] if cells is None else cells
    results = (result_of(job.board, states[cell]) for cell in cells if cell in job.explained)
    keys = [str(result["key"]) for result in results if "key" in result]
    return replace(recording if complete or not keys else recording.only(keys), requested=tuple(reversed(keys)))


def ablation_of(plan: Experiment, recording: Recording) -> Ablation | None:
    """What an experiment measured of a recording; None if it measures nothing."""
    choice = plan.ablate
    if choice is None:
        return None
    own = (
        each
        for each in ablations(recording)
        if (each.replace, each.second, each.spec.groups, each.spec.seed)
        == (choice.replace, choice.second, resolved_groups(choice.groups, recording.features), choice.seed)
    )
    return next(own, None)


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
            table.to_csv(temporary, index=False, lineterminator="\n")


def read_assessment(
    plan: Experiment, folder: Path, run: Run, recording: Recording, ablation: Ablation | None
) -> pd.DataFrame:
    """The table that `write_assessment` wrote."""
    import pandas as pd

    path = assessment_path(plan, folder, run, recording, ablation)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
