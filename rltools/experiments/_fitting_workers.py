"""Chooses on how many processes an experiment runs."""

from __future__ import annotations

from collections import Counter

from rltools._util.cores import idle_cores
from rltools.experiments.cells import Job, cells_of

STARTING = 5.0
"""Seconds that processes take to start: an experiment that takes no longer is done before they are."""
STEP, EXPLAINED_STEP = 1e-4, 3e-5
"""Seconds that a step takes at most in the environments of which so many are recorded in a few seconds."""
LONG_EPISODE = 1000
"""Steps of an episode if the experiment does not limit them; only few environments have longer ones."""


def fitting_workers(job: Job) -> int:
    """As many processes as cores are idle, and as there can be cells that are done at the same time.

    One, which is this process, if the experiment takes a few seconds only: it measures nothing and draws no reports,
    and its steps are few.
    """
    plans = [job.plan_of(run) for run in job.runs]
    kinds = Counter(cell.kind for cell in cells_of(job))
    recordings, explained = kinds["record"], kinds["explain"]
    steps = max(plan.episodes * (plan.max_steps or LONG_EPISODE) for plan in plans)
    seconds = steps * (STEP * recordings + EXPLAINED_STEP * explained)
    if seconds < STARTING and not kinds["ablate"] and not kinds["assess"] and kinds["report"] < 2:
        return 1
    return min(idle_cores(), max(recordings, explained + kinds["ablate"]))
