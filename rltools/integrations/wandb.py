"""Weights & Biases: the page of a run, its figures, tables and numbers, and the recording as an artifact."""

from __future__ import annotations

import re
from typing import Any

from rltools.errors import ArgumentError
from rltools.integrations._formats import exporter, required
from rltools.integrations._results import Results, results
from rltools.recording import Recording

EXTRA = "wandb"
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")
MODES = ("online", "offline", "disabled", "shared")


@exporter(
    "a run of Weights & Biases",
    place="the name of the project",
    extra=EXTRA,
    default=lambda recording: "rltools",
)
def write(
    recording: Recording, out: str, *, overwrite: bool = False, mode: str = "", name: str = "", entity: str = ""
) -> str:
    """Log a recording to Weights & Biases: into the open run of this process, or into a new one, finished at the end.

    Logged are the page of the run if there is one (`report`), the figures and tables beside it, the share of each
    feature (`attribution/<feature>`) and the mean return, and the folder of the recording as an artifact of type
    `recording`, from which `rltools.open_recording` opens it again.

    Args:
        recording: the recording.
        out: the name of the project of a new run.
        overwrite: without effect, since a run is never replaced.
        mode: "online", "offline" (uploaded later by `wandb sync`) or "disabled"; "" is the client's own choice
            (`WANDB_MODE`).
        name: the name of the new run; "" is that of the folder.
        entity: the team or user of the new run; "" is the client's own choice.

    Returns:
        The address of the run, or its folder if it is offline.

    Raises:
        ArgumentError: there is no such mode, or the client is not installed.
        RecordingError: the client refused it.
    """
    wandb = required("wandb", EXTRA)
    if mode and mode not in MODES:
        raise ArgumentError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")
    with results(recording) as content:
        run = wandb.run
        if run is not None:
            _log(wandb, run, recording, content)
            return str(run.url or run.dir)
        options = {"mode": mode or None, "entity": entity or None, "name": name or recording.directory.absolute().name}
        quiet = wandb.Settings(console="off")  # it would take over what the terminal shows
        with wandb.init(project=out, job_type="rltools", config=content.description, settings=quiet, **options) as run:
            _log(wandb, run, recording, content)
            return str(run.url or run.dir)


def _log(wandb: Any, run: Any, recording: Recording, content: Results) -> None:
    """Log numbers, tables, figures and the page in one step, and the recording as an artifact."""
    logged: dict[str, Any] = dict(content.numbers)
    logged |= {f"tables/{name}": wandb.Table(dataframe=table) for name, table in content.tables.items()}
    logged |= {f"figures/{name}": wandb.Image(str(path)) for name, path in content.figures.items()}
    if content.report is not None:
        logged["report"] = wandb.Html(content.report.read_text(encoding="utf-8"), inject=False)
    run.log(logged)
    artifact = wandb.Artifact(artifact_name(recording), type="recording", metadata=content.description)
    for file, path in content.files.items():
        artifact.add_file(str(path), name=file)
    run.log_artifact(artifact)


def artifact_name(recording: Recording) -> str:
    """The name of the artifact: that of the folder, in letters that the service takes."""
    return _FORBIDDEN.sub("-", recording.directory.absolute().name).strip("-.")[:100] or "recording"
