"""How many processes an experiment is worth."""

from __future__ import annotations

from rltools._util.cores import idle_cores
from rltools.experiments.cells import Job, explanations

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
    plan, methods = job.plan, len(explanations(job.plan))
    steps = len(job.runs) * plan.episodes * (plan.max_steps or LONG_EPISODE)
    seconds = steps * (STEP + EXPLAINED_STEP * methods)
    if seconds < STARTING and plan.ablate is None and not plan.assess and not (plan.reports and len(job.runs) > 1):
        return 1
    after_recording = methods + (plan.ablate is not None)
    return min(idle_cores(), len(job.runs) * max(1, after_recording))
