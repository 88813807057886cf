"""Experiments: the file that declares one, and the functions that run it.

The room may import everything above it: it records, explains, summarizes and writes pages. `file.py` declares and
validates an experiment file, `_run.py` runs it, `analyze.py` does the same for a single agent without a file, and
`publish.py` turns a trained model into an agent. Read `Experiment` in `file.py` first.
"""

from typing import TYPE_CHECKING, Any

from rltools.experiments.file import Experiment, read_experiment

if TYPE_CHECKING:
    from rltools.experiments._run import ExperimentRun as ExperimentRun
    from rltools.experiments._run import run_experiment as run_experiment

__all__ = ["Experiment", "ExperimentRun", "read_experiment", "run_experiment"]


def __getattr__(name: str) -> Any:
    """Import what runs an experiment on first use: that loads torch, and reading a file does not."""
    if name in ("ExperimentRun", "run_experiment"):
        from rltools.experiments import _run

        return getattr(_run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
