"""Loggers of other people, the real ones: what they take is logged, and none of their errors ends a training."""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from hypothesis import example, given
from hypothesis import strategies as st
from stable_baselines3 import PPO
from stable_baselines3.common.logger import CSVOutputFormat, KVWriter, Logger

import rltools
from rltools.integrations import AttributionCallback, AttributionSkippedWarning
from rltools.integrations._loggers import log_checkpoint, metric_names
from rltools.testing import example_recording

HOSTILE = ("cos(angle)", "obs[3]", "obs(3)", "mean_return", "a/b", "..", "θ = 90°", "x" * 400)


@pytest.fixture
def hostile_env(make_env: Any) -> Any:
    """Observations whose names no logger would have chosen."""

    class Named(gymnasium.ObservationWrapper[Any, Any, Any]):
        def __init__(self) -> None:
            space = Box(-1e6, 1e6, (len(HOSTILE),), np.float32)
            super().__init__(make_env(observation_space=space, render_mode=None)())

        def observation(self, observation: Any) -> Any:
            return observation

    return Named


def model_of(env: Any, *outputs: Any) -> PPO:
    net = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 3}
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, **net)
    if outputs:
        model.set_logger(Logger(None, list(outputs)))
    return model


def callback_of(env: Any, **options: Any) -> AttributionCallback:
    return AttributionCallback(env, **{"every": 32, "episodes": 1, "max_steps": 5} | options)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of these names, wherever they come from."""
    import rltools.integrations._sb3_callback as callback

    load = callback.load_policy

    def renamed(*args: Any, **options: Any) -> Any:
        policy = load(*args, **options)
        object.__setattr__(policy, "features", replace(policy.features, given_names=HOSTILE, units=()))
        return policy

    monkeypatch.setattr(callback, "load_policy", renamed)


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Weights & Biases, offline."""
    library = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    yield library
    library.teardown()


def test_an_open_run_of_weights_and_biases(wandb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("matplotlib.pyplot", raising=False)  # as in a training, which never loads it
    callback = callback_of("CartPole-v1")
    model = model_of("CartPole-v1")
    with wandb.init(mode="offline", dir=str(tmp_path), settings=wandb.Settings(console="off")) as run:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AttributionSkippedWarning)
            model.learn(64, callback=callback)
        logged = dict(run.summary)
    assert model.num_timesteps == 64
    expected = rltools.summarize(callback.recordings[64])
    for entry in expected.top():
        assert logged[f"attribution/{entry.feature}"] == pytest.approx(entry.share)
    assert logged["attribution/mean_return"] == pytest.approx(expected.returns.mean)
    assert logged["global_step"] == 64
    assert logged["attribution/importance"]["_type"] == "image-file"
    assert len(list(tmp_path.rglob("media/**/*.png"))) == 3


def test_no_run_is_no_logging(wandb: Any) -> None:
    assert wandb.run is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", AttributionSkippedWarning)
        model_of("CartPole-v1").learn(32, callback=callback_of("CartPole-v1"))


@pytest.mark.usefixtures("named")
def test_weights_and_biases_takes_any_name(wandb: Any, tmp_path: Path, hostile_env: Any) -> None:
    with wandb.init(mode="offline", dir=str(tmp_path), settings=wandb.Settings(console="off")) as run:
        model_of(hostile_env()).learn(32, callback=callback_of(hostile_env))
        assert {*metric_names(HOSTILE), "attribution/mean_return"} <= set(run.summary.keys())


class MlflowOutput(KVWriter):
    """As MLflow's own guide to Stable-Baselines3 writes it."""

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        import mlflow

        for (key, value), (_, excluded) in zip(sorted(key_values.items()), sorted(key_excluded.items()), strict=True):
            if excluded is not None and "mlflow" in excluded:
                continue
            if isinstance(value, np.ScalarType) and not isinstance(value, str):
                mlflow.log_metric(key, value, step)


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow with a run that is open, kept as files."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("mlflow")
        before = library.get_tracking_uri()
        library.set_tracking_uri((tmp_path / "mlruns").as_uri())
        with library.start_run():
            yield library
        library.set_tracking_uri(before)


@pytest.mark.usefixtures("named")
def test_mlflow_takes_any_name(mlflow: Any, hostile_env: Any) -> None:
    callback = callback_of(hostile_env)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AttributionSkippedWarning)
        model_of(hostile_env(), MlflowOutput()).learn(32, callback=callback)
    run = mlflow.get_run(mlflow.active_run().info.run_id)
    metrics = {name: run.data.metrics[name] for name in metric_names(HOSTILE)}
    shares = {entry.feature: entry.share for entry in rltools.summarize(callback.recordings[32]).top()}
    assert metrics == pytest.approx({metric: shares[name] for metric, name in zip(metrics, HOSTILE, strict=True)})
    assert "attribution/mean_return" in run.data.metrics


def test_mlflow_that_fails_costs_no_training(mlflow: Any) -> None:
    mlflow.end_run()
    mlflow.set_tracking_uri("gopher://nowhere")  # no store of this kind
    model = model_of("CartPole-v1", MlflowOutput())
    callback = callback_of("CartPole-v1")
    model.set_logger(Logger(None, []))
    callback.init_callback(model)
    model.set_logger(Logger(None, [MlflowOutput()]))
    with pytest.warns(AttributionSkippedWarning, match=r"logging to MlflowOutput failed: .*gopher") as caught:
        callback._on_training_start()
    assert len(caught) == 1
    assert list(callback.recordings) == [0]


def test_mlflow_logs_to_the_run_that_is_current(mlflow: Any) -> None:
    """The inner one of two; without an open run, and in another thread, MLflow itself begins one."""
    outer = mlflow.active_run().info.run_id
    logged = []

    def learn() -> None:
        model_of("CartPole-v1", MlflowOutput()).learn(32, callback=callback_of("CartPole-v1"))
        logged.append(mlflow.active_run().info.run_id)

    with warnings.catch_warnings():
        warnings.simplefilter("error", AttributionSkippedWarning)
        with mlflow.start_run(nested=True) as inner:
            learn()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(learn).result()
            threads.submit(mlflow.end_run).result()
        mlflow.end_run()
        learn()
        mlflow.end_run()
    assert logged[0] == inner.info.run_id
    assert len({outer, *logged}) == 4
    metrics = [mlflow.get_run(run).data.metrics for run in logged]
    assert all(values["attribution/pole angle"] == metrics[0]["attribution/pole angle"] > 0 for values in metrics)
    assert mlflow.get_run(outer).data.metrics == {}


@pytest.mark.parametrize("state", ["deleted", "read-only"])
def test_a_run_of_mlflow_that_takes_nothing_any_more_is_one_warning(state: str, mlflow: Any, tmp_path: Path) -> None:
    run = mlflow.active_run().info.run_id
    model, callback = model_of("CartPole-v1", MlflowOutput()), callback_of("CartPole-v1")
    with warnings.catch_warnings():
        warnings.simplefilter("error", AttributionSkippedWarning)
        model.learn(32, callback=callback)
    if state == "deleted":
        mlflow.delete_run(run)
        text = "lifecycle_stage"
    else:
        (folder,) = tmp_path.rglob(f"{run}/metrics/attribution")
        shutil.rmtree(folder)
        folder.touch()  # no folder: nobody can write into it, not even root, whom permissions do not hold up
        text = r"\[Errno \d+\] .*attribution"
    with pytest.warns(AttributionSkippedWarning, match=f"logging to MlflowOutput failed: .*{text}") as caught:  # noqa: PT031
        for callback.num_timesteps in (64, 96):
            callback._log()
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert list(callback.recordings) == [0, 32, 64, 96]
    if state == "deleted":
        mlflow.tracking.MlflowClient().restore_run(run)  # for the fixture, which ends it


class Failing(KVWriter):
    """Fails as a server that is gone."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, key_values: dict[str, Any], *rest: Any) -> None:
        if "attribution/mean_return" in key_values:
            raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("not a number"), KeyError("run"), OSError(28, "No space left on device"), AssertionError()]
)
def test_any_error_of_a_logger_is_one_warning(error: Exception, tmp_path: Path) -> None:
    table = CSVOutputFormat(str(tmp_path / "progress.csv"))
    model, callback = model_of("CartPole-v1", Failing(error), table), callback_of("CartPole-v1")
    with pytest.warns(AttributionSkippedWarning) as caught:
        model.learn(96, callback=callback)
    (warning,) = [warning for warning in caught if warning.category is AttributionSkippedWarning]
    assert f"logging to Failing failed: {type(error).__name__}: {error}" in str(warning.message)
    assert "after 0 steps of training" in str(warning.message)
    assert model.num_timesteps == 96
    assert list(callback.recordings) == [0, 32, 64, 96]
    table.close()
    assert "attribution/pole angle" in (tmp_path / "progress.csv").read_text()  # the others got theirs


def test_an_error_that_names_the_step_is_said_once_and_in_a_line() -> None:
    """As those of databases, which show what they were asked."""

    class Database(KVWriter):
        def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
            if "attribution/mean_return" in key_values:
                raise OSError(f"attempt to write a readonly database\n[SQL: INSERT INTO metrics VALUES (?)]\n({step},)")

    model = model_of("CartPole-v1", Database())
    with pytest.warns(AttributionSkippedWarning) as caught:
        model.learn(64, callback=callback_of("CartPole-v1"))
    (warning,) = [warning for warning in caught if warning.category is AttributionSkippedWarning]
    assert str(warning.message) == (
        "after 0 steps of training: logging to Database failed: OSError: attempt to write a readonly database [SQL: "
        "INSERT INTO metrics VALUES (?)] (0,); the training goes on"
    )


def test_a_run_that_fails_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def log(values: dict[str, Any]) -> None:
        raise ConnectionResetError("the service is gone")

    broken = SimpleNamespace(run=SimpleNamespace(log=log), Image=lambda pixels: pixels)
    monkeypatch.setitem(sys.modules, "wandb", broken)  # type: ignore[arg-type]
    model = model_of("CartPole-v1")
    with pytest.warns(AttributionSkippedWarning, match=r"logging to Weights & Biases failed: .*service is gone"):
        model.learn(32, callback=callback_of("CartPole-v1"))
    assert model.num_timesteps == 32


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("rltools.integrations._sb3_callback.summarize", "ZeroDivisionError: nothing to divide by"),
        ("rltools.integrations._sb3_callback.explain", "ZeroDivisionError: nothing to divide by"),
        ("rltools.integrations._sb3_callback.record", "ZeroDivisionError: nothing to divide by"),
        ("rltools.integrations._sb3_callback.load_policy", "ZeroDivisionError: nothing to divide by"),
    ],
)
def test_whatever_fails_is_one_warning(broken: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(broken, fail)
    model, callback = model_of("CartPole-v1"), callback_of("CartPole-v1", verbose=1)
    with pytest.warns(AttributionSkippedWarning, match=text) as caught:
        model.learn(64, callback=callback)
    assert len([warning for warning in caught if warning.category is AttributionSkippedWarning]) == 1
    assert model.num_timesteps == 64


def test_a_figure_that_cannot_be_drawn_costs_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from stable_baselines3.common.logger import configure

    monkeypatch.setattr("rltools.plots.importance", lambda *_, **__: 1 / 0)
    model = model_of("CartPole-v1")
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    with pytest.warns(AttributionSkippedWarning, match="drawing the figure failed: ZeroDivisionError"):
        model.learn(32, callback=callback_of("CartPole-v1"))
    model.logger.close()
    read = events.EventAccumulator(str(next(tmp_path.glob("events*")))).Reload()
    assert [event.step for event in read.Scalars("attribution/pole angle")] == [0, 32]
    assert "images" not in read.Tags() or not read.Tags()["images"]


def test_a_damaged_recording_of_before_is_left_out(tmp_path: Path) -> None:
    model = model_of("CartPole-v1")
    model.learn(64, callback=callback_of("CartPole-v1", directory=tmp_path))
    (tmp_path / "step-000000032" / "recording.json").write_text(json.dumps([]))
    callback = callback_of("CartPole-v1", directory=tmp_path)
    with pytest.warns(AttributionSkippedWarning, match="step-000000032"):
        model.learn(32, callback=callback, reset_num_timesteps=False)
    assert list(callback.recordings) == [0, 64, 96]


def test_later_recordings_that_cannot_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_of("CartPole-v1").learn(32, callback=callback_of("CartPole-v1", directory=tmp_path))

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rltools.integrations._sb3_callback.shutil", SimpleNamespace(rmtree=refused))
    with pytest.raises(rltools.errors.RecordingError, match="Permission denied"):
        model_of("CartPole-v1").learn(32, callback=callback_of("CartPole-v1", directory=tmp_path, overwrite=True))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8))
@example(["-", "--"])
def test_every_name_is_one_that_every_logger_takes(features: list[str]) -> None:
    names = metric_names(features)
    assert len({name.casefold() for name in names} | {"attribution/mean_return", "attribution/importance"}) == (
        len(features) + 2
    )
    assert all(re.fullmatch(r"attribution/[\w\-. ]*\w[\w\-. ]*", name) for name in names)
    assert all(len(name.encode()) <= 250 for name in names)


def test_a_metric_is_of_the_same_feature_at_every_checkpoint(tmp_path: Path) -> None:
    """Which of two like names gets a number does not depend on which matters more."""
    logged: list[dict[str, Any]] = []

    class KeepingWriter(KVWriter):
        def write(self, key_values: dict[str, Any], *rest: Any) -> None:
            logged.append(dict(key_values))

    features = rltools.Features((2,), given_names=("a(x)", "a[x]"))
    for step, weights in enumerate(((1.0, 9.0), (9.0, 1.0))):
        values = [np.full((4, 1, 2), weights)]
        recording = example_recording(tmp_path / str(step), values, features=features, unit="score")
        log_checkpoint(Logger(None, [KeepingWriter()]), recording, rltools.summarize(recording), step)
    assert [entry["attribution/a_x"] for entry in logged] == [pytest.approx(0.1), pytest.approx(0.9)]
    assert [entry["attribution/a_x_2"] for entry in logged] == [pytest.approx(0.9), pytest.approx(0.1)]


def test_plain_names_stay_as_they_are() -> None:
    assert metric_names(["pole angle", "x"]) == ["attribution/pole angle", "attribution/x"]
