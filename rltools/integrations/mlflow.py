"""MLflow: the page of a run, its figures, tables and numbers, and the recording as artifacts of a run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from rltools.errors import RecordingError
from rltools.integrations._formats import exporter, required
from rltools.integrations._results import Results, results
from rltools.recording import Recording

EXTRA = "mlflow"
LONGEST = 500
"""Characters of a parameter's value that every store of MLflow takes."""


@exporter("a run of MLflow", place="the name of the experiment", extra=EXTRA, default=lambda recording: "rltools")
def write(recording: Recording, out: str, *, overwrite: bool = False, name: str = "", uri: str = "") -> str:
    """Log a recording to MLflow: into the active run of this thread, or into a new one.

    Logged are the page of the run if there is one (`report.html`), the figures and tables beside it, the share of each
    feature (`attribution/<feature>`) and the mean return as metrics, and the folder of the recording (`recording`),
    from which `rltools.open_recording` opens it again.

    Args:
        recording: the recording.
        out: the name of the experiment of a new run.
        overwrite: without effect, since a run is never replaced.
        name: the name of the new run; "" is that of the folder.
        uri: where runs are kept; "" is the client's own choice (`MLFLOW_TRACKING_URI`).

    Returns:
        The address of the run's artifacts.

    Raises:
        ArgumentError: the client is not installed.
        RecordingError: the client refused it.
    """
    mlflow = required("mlflow", EXTRA)
    if uri:
        mlflow.set_tracking_uri(uri)
    with results(recording) as content:
        run = mlflow.active_run()
        if run is None:
            try:
                experiment = mlflow.get_experiment_by_name(out)
            except mlflow.exceptions.MlflowException as error:
                raise RecordingError(
                    f"MLflow cannot use {mlflow.get_tracking_uri()} ({str(error).splitlines()[0]:.150}); name a server "
                    "with MLFLOW_TRACKING_URI=http://..., keep runs in a folder with MLFLOW_TRACKING_URI=./mlruns "
                    "MLFLOW_ALLOW_FILE_STORE=true, or install sqlalchemy, which its own database needs"
                ) from error
            identifier = mlflow.create_experiment(out) if experiment is None else experiment.experiment_id
            run = mlflow.start_run(experiment_id=identifier, run_name=name or recording.directory.absolute().name)
            scope: Any = run
        else:
            scope = nullcontext()
        with scope:
            _log(mlflow, content)
        return str(run.info.artifact_uri)


def _log(mlflow: Any, content: Results) -> None:
    """Log parameters, metrics, tables, figures, the page, and the files of the recording."""
    described = content.description
    parameters = {name: described[name] for name in ("policy", "policy_sha256", "environment", "data", "score")}
    mlflow.log_params({f"rltools.{name}": str(value)[:LONGEST] for name, value in parameters.items() if value})
    mlflow.log_metrics(content.numbers)
    mlflow.log_dict(described, "rltools.json")
    for name, table in content.tables.items():
        mlflow.log_text(table.to_csv(index=False, lineterminator="\n"), f"tables/{name}.csv")
    for path in content.figures.values():
        mlflow.log_artifact(str(path), "figures")
    if content.report is not None:
        mlflow.log_artifact(str(content.report))
    for name, path in content.files.items():
        outer = name.rpartition("/")[0]
        mlflow.log_artifact(str(path), f"recording/{outer}" if outer else "recording")
