"""Weights & Biases and MLflow, the real clients without a network: what was logged is read back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import rltools
from rltools.errors import RecordingError
from rltools.recording import Recording

PAGE = '<!doctype html><html><body><p>The page of the run, and <a href="else.html">that</a>.</p></body></html>'
"""A page in the place of the whole one, which takes seconds to draw."""


@pytest.fixture
def wandb(stores: Path) -> Iterator[Any]:
    library = pytest.importorskip("wandb")
    yield library
    library.teardown()


@pytest.fixture
def mlflow(stores: Path) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("mlflow")
        before = library.get_tracking_uri()
        library.set_tracking_uri((stores / "mlruns").as_uri())
        yield library
        library.set_tracking_uri(before)


def shares(recording: Recording) -> dict[str, float]:
    summary = rltools.summarize(recording, method=recording.find_all()[0])
    return {f"attribution/{entry.feature}": entry.share for entry in summary.top()}


def test_a_new_run_of_weights_and_biases(recording: Recording, wandb: Any, stores: Path) -> None:
    place = Path(rltools.export(recording, "wandb", "poles", name="tiny"))
    assert wandb.run is None  # finished
    assert place.is_relative_to(stores / "WANDB_DIR")
    assert len(list((place / "media" / "images" / "figures").iterdir())) == 1
    files = {path.name.rpartition("_0_")[0]: path for path in (place / "media" / "table" / "tables").iterdir()}
    assert set(files) == {"gradient", "input_x_gradient"}
    expected = rltools.summarize(recording, method="gradient").table
    table = json.loads(files["gradient"].read_text("utf-8"))
    assert table["columns"] == [*expected.columns]
    assert [row[0] for row in table["data"]] == [*expected.iloc[:, 0]]


def test_the_open_run_of_weights_and_biases(recording: Recording, wandb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of an artifact leave only with `wandb sync`; here it is seen as it is logged."""
    (recording.directory / "index.html").write_text(PAGE, "utf-8")
    logged: list[Any] = []
    monkeypatch.setattr(wandb.sdk.wandb_run.Run, "log_artifact", lambda run, artifact: logged.append(artifact))
    with wandb.init(mode="offline", settings=wandb.Settings(console="off")) as run:
        rltools.export(recording, "wandb")
        assert wandb.run is run
        summary = dict(run.summary)
    assert {name: summary[name] for name in shares(recording)} == pytest.approx(shares(recording))
    mean = sum(outcome.total_reward for outcome in recording.outcomes()) / 2
    assert summary["attribution/mean_return"] == pytest.approx(mean)
    assert summary["figures/importance"]["_type"] == "image-file"
    assert summary["report"]["_type"] == "html-file"
    (artifact,) = (each for each in logged if each.type == "recording")
    assert artifact.name.partition(":")[0] == "poles"
    assert artifact.metadata["policy_sha256"] == recording.header.policy_sha256
    files = {path.relative_to(recording.directory).as_posix(): path for path in recording.directory.rglob("*.parquet")}
    assert set(files) | {"recording.json"} <= set(artifact.manifest.entries)
    for name, path in files.items():
        assert artifact.manifest.entries[name].size == path.stat().st_size


def test_a_new_run_of_mlflow(recording: Recording, mlflow: Any, stores: Path) -> None:
    (recording.directory / "index.html").write_text(PAGE, "utf-8")
    address = rltools.export(recording, "mlflow", "poles", name="tiny")
    (run,) = mlflow.search_runs(experiment_names=["poles"], output_format="list")
    assert address == run.info.artifact_uri
    assert (run.info.run_name, run.info.status) == ("tiny", "FINISHED")
    assert {name: run.data.metrics[name] for name in shares(recording)} == pytest.approx(shares(recording))
    assert run.data.params["rltools.policy_sha256"] == recording.header.policy_sha256
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(stores / "back")))
    opened = rltools.open_recording(folder / "recording")
    assert opened.damaged() == {}
    assert opened.attribution("gradient").values.tobytes() == recording.attribution("gradient").values.tobytes()
    assert (folder / "report.html").read_text("utf-8") == PAGE.replace('<a href="else.html">that</a>', "that")
    table = pd.read_csv(folder / "tables" / "gradient.csv")
    assert len(table) == len(rltools.summarize(recording, method="gradient").table)
    assert {path.name for path in (folder / "figures").iterdir()} >= {"importance.png"}


def test_the_active_run_of_mlflow_stays_open(recording: Recording, mlflow: Any) -> None:
    with mlflow.start_run() as run:
        rltools.export(recording, "mlflow")
        assert mlflow.active_run().info.run_id == run.info.run_id
    assert "attribution/mean_return" in mlflow.get_run(run.info.run_id).data.metrics


def test_a_store_that_mlflow_does_not_have(recording: Recording, mlflow: Any) -> None:
    mlflow.set_tracking_uri("gopher://nowhere")
    with pytest.raises(RecordingError, match=r"MLflow cannot use gopher://nowhere .* MLFLOW_TRACKING_URI=\./mlruns"):
        rltools.export(recording, "mlflow")
