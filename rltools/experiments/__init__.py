"""Experiments: the file that declares one, and the functions that run it.

The room may import everything above it: it records, explains, summarizes and writes pages. `file.py` declares and
validates an experiment file, of which `_agents.py`, `_environments.py`, `_methods.py` and `_sweep.py` hold a part each;
`_plan_runs.py` lists its runs, `cells.py` divides them into cells, `claims.py` says who is at which, `_do_cell.py`
does one and `_work.py` all of them, `_run_experiment.py` puts that together, and `executors/` holds where cells are
done. `results.py` is what was measured, from which `tables/` and figures are made. `analyze.py` does the same for a
single agent without a file, and `publish.py` turns a trained model into an agent. Read `Experiment` in `file.py`
first, then `cells.py`.
"""

from typing import TYPE_CHECKING, Any

from rltools.experiments.file import Experiment, read_experiment

if TYPE_CHECKING:
    from rltools.experiments._run_experiment import ExperimentRun as ExperimentRun
    from rltools.experiments._run_experiment import open_results as open_results
    from rltools.experiments._run_experiment import run_experiment as run_experiment
    from rltools.experiments._status import CellStatus as CellStatus
    from rltools.experiments._status import experiment_status as experiment_status
    from rltools.experiments._status import open_experiment as open_experiment
    from rltools.experiments._status import retry_cells as retry_cells

__all__ = [
    "CellStatus",
    "Experiment",
    "ExperimentRun",
    "experiment_status",
    "open_experiment",
    "open_results",
    "read_experiment",
    "retry_cells",
    "run_experiment",
]
_RUNNING = ("ExperimentRun", "open_results", "run_experiment")
_FOLLOWING = ("CellStatus", "experiment_status", "open_experiment", "retry_cells")


def __getattr__(name: str) -> Any:
    """Import what runs an experiment on first use: that loads torch, and reading a file does not."""
    if name in _RUNNING:
        from rltools.experiments import _run_experiment

        return getattr(_run_experiment, name)
    if name in _FOLLOWING:
        from rltools.experiments import _status

        return getattr(_status, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
