"""Experiment files, and running them."""

from typing import TYPE_CHECKING, Any

from rltools.experiments.file import Experiment, read_experiment

if TYPE_CHECKING:
    from rltools.experiments._run import ExperimentRun as ExperimentRun
    from rltools.experiments._run import run_experiment as run_experiment

__all__ = ["Experiment", "ExperimentRun", "read_experiment", "run_experiment"]


def __getattr__(name: str) -> Any:
    """Running one loads torch; reading one does not."""
    if name in ("ExperimentRun", "run_experiment"):
        from rltools.experiments import _run

        return getattr(_run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
