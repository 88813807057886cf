"""What goes wrong when several machines work on one experiment: each fault ends in one line that says what to do."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from rltools._util.lock import folder_lock
from rltools.cli.commands.run import settings_of
from rltools.errors import (
    ArgumentError,
    CellsError,
    ConflictError,
    RecordingError,
    RltoolsError,
    UnknownNameError,
)
from rltools.experiments import _shared, _work, claims, experiment_status, open_experiment, retry_cells, run_experiment
from rltools.experiments._distribute import distribute, in_worker
from rltools.experiments._owner import this_process
from rltools.experiments._run_experiment import prepare
from rltools.experiments.cells import Job
from rltools.experiments.claims import Claim, read_states
from rltools.experiments.executors import Pool, dask, executor_names, open_executor
from rltools.experiments.executors.slurm import minutes

EXPERIMENT = """
description: Poles?
agents: [cartpole-ppo]
methods: [gradient]
episodes: 1
max_steps: 5
reports: false
"""
FIRST = "cartpole-ppo-seed-0.record"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    (tmp_path / "poles.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    return prepare("poles.yaml")


def _task(job: Job) -> dict[str, Any]:
    return _shared.description_of(job) | {"threads": None, "fail_fast": False, "cell": FIRST, "stale": 0}


def _status(job: Job) -> str:
    return experiment_status(job)[0].status


def _one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


class Inline(Executor):
    """Runs every task at once, on a worker that something is wrong with."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error, self.tasks = error, 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks += 1
        try:
            if self.error is not None:
                raise self.error
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize(
    ("address", "settings", "error", "message"),
    [
        ("dusk://10.0.0.5:8786", {}, UnknownNameError, "no executor 'dusk'; did you mean dask"),
        ("dask://127.0.0.1:1", {}, ArgumentError, r"no scheduler of dask answers at 127.0.0.1:1 .*`dask scheduler`"),
        ("dask://127.0.0.1:1", {"mem": "2G"}, ArgumentError, "set them where its cluster is made"),
        ("processes://here", {}, ArgumentError, "take no address and no settings, not 'here'"),
        ("processes", {"mem": "2G"}, ArgumentError, "not {'mem': '2G'}; only workers"),
        ("ray", {"mem": "2G"}, ArgumentError, "ray takes no settings"),
        ("slurm", {}, ArgumentError, "no Slurm answers here .* rltools slurm, or use --shard"),
        ("slurm://here", {}, ArgumentError, "no Slurm answers here"),
        ("slurm", {"time": "soon"}, ArgumentError, "time='soon' is no time"),
        ("slurm", {"cpus": "many"}, ArgumentError, "cpus='many' is no number of cores"),
        (
            "slurm",
            {"partitoin": "cpu", "acount": "me", "gres": "gpu:1"},
            ArgumentError,
            "no such setting: 'acount': did you mean account.*'partitoin': did you mean partition",
        ),
        ("slurm://local", {"partition": "cpu"}, ArgumentError, "takes no setting but time, not {'partition': 'cpu'}"),
    ],
)
def test_what_an_executor_cannot_do_is_said(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: str,
    settings: dict[str, str],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask, "SECONDS", 0.2)
    with pytest.raises(error, match=message) as raised, open_executor(address, 2, settings):
        pass
    _one_line(raised)


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("slurm", "submitit"), ("ray", "ray")])
def test_an_executor_whose_package_is_missing_names_the_pip_line(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(ArgumentError, match=rf"pip install 'rltools-attribution\[{name}\]'"),
        open_executor(name, 2, {}),
    ):
        pass


def test_executors_are_found_by_their_files() -> None:
    assert {"processes", "dask", "slurm", "ray"} <= set(executor_names())


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("90:00", 90), ("1:30:00", 90), ("0:30", 1), ("1-0:00:00", 1440), ("2-12:00:01", 3601)],
)
def test_times_are_written_as_slurm_writes_them(text: str, number: int) -> None:
    assert minutes(text) == number


def test_what_is_no_executor(job: Job) -> None:
    with pytest.raises(ArgumentError, match=r"executor is 7; pass a concurrent.futures.Executor, or an address"):
        run_experiment("poles.yaml", executor=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'rltools'", name="rltools"),
        ModuleNotFoundError("No module named 'rltools.experiments._distribute'"),
        AttributeError("Can't get attribute 'in_worker' on <module 'rltools.experiments._distribute'>"),
    ],
)
def test_workers_without_the_package_or_with_an_old_one(job: Job, error: Exception) -> None:
    executor = Inline(error)
    message = r"its workers have no rltools, or another version .* pip install rltools-attribution==\d.*rltools status"
    with pytest.raises(CellsError, match=message) as raised:
        distribute(job, Pool(lambda: executor), 2, poll=0.001)
    _one_line(raised)
    assert executor.tasks < 5
    assert _status(job) == "waiting"


def test_a_worker_with_other_versions_begins_nothing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    task = _task(job)
    monkeypatch.setattr(_shared, "versions", lambda: task["versions"] | {"torch": "1.0", "rltools-attribution": "9.9"})
    with pytest.raises(ArgumentError, match=r" has rltools-attribution 9.9, torch 1.0, .* torch==.* install") as raised:
        in_worker(task)
    _one_line(raised)
    assert _status(job) == "waiting"
    # Whoever joins by hand, or asks how far it is, is told the same; who begins it again may have any version.
    with pytest.raises(ArgumentError, match=r"has rltools-attribution 9.9"):
        run_experiment("poles.yaml", join=True)
    assert len(run_experiment("poles.yaml").recordings) == 1


def test_the_manifest_of_another_version(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {name: value for name, value in job.content().items() if name != "modules"}
    _shared.write_json(job.folder / "experiment.json", content)
    with pytest.raises(
        RecordingError, match=r"experiment.json is not as .* 'modules'\); run the experiment again"
    ) as raised:
        open_experiment(job.folder)
    _one_line(raised)
    monkeypatch.setattr(_shared, "versions", lambda: {"rltools-attribution": "9.9"})
    with pytest.raises(ArgumentError, match=r"has rltools-attribution 9.9, and the experiment was begun with"):
        open_experiment(job.folder)


def test_a_worker_that_sees_another_folder_begins_nothing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared, "PAUSE", 0.001)
    task = _task(job)
    mark = job.folder / "cells" / "folder.txt"
    mark.write_text("0" * 32)  # an experiment of the same name on a disk of this machine's own
    with pytest.raises(
        ArgumentError, match=r"runs/poles is not shared: on .* lies another folder .* directory="
    ) as raised:
        in_worker(task)
    _one_line(raised)
    mark.unlink()
    executor = Inline()
    with pytest.raises(CellsError, match=r"is not shared: on .* there is no such folder.*choose a folder that all"):
        distribute(job, Pool(lambda: _forgetful(executor, mark)), 1, poll=0.001)
    assert _status(job) == "waiting"


def _forgetful(executor: Inline, mark: Path) -> Inline:
    """An executor of a machine on which the folder is another one."""
    submit = executor.submit

    def elsewhere(function: Any, task: dict[str, Any]) -> Future[Any]:
        mark.unlink(missing_ok=True)
        return submit(function, task)

    executor.submit = elsewhere  # type: ignore[method-assign,assignment]
    return executor


def test_two_experiments_in_one_folder(job: Job, tmp_path: Path) -> None:
    task = _task(job)
    (tmp_path / "others.yaml").write_text(EXPERIMENT.replace("Poles?", "Others?"))
    with pytest.raises(
        ConflictError, match=r"runs/poles holds the results of another experiment, poles \('Poles\?'\); .*directory="
    ):
        prepare("others.yaml", directory="runs/poles")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "poles.yaml").write_text(EXPERIMENT.replace("cartpole-ppo", "pendulum-sac"))
    with pytest.raises(ConflictError, match="holds the results of another experiment, poles"):
        prepare("elsewhere/poles.yaml", directory="runs/poles")
    # The same file may be changed, unless processes are at work.
    claim = claims.take(job.board, read_states(job.board, [FIRST])[FIRST])
    assert claim is not None
    message = rf"is being worked on by .*, process {os.getpid()}, for another experiment \('Poles\?'\); wait for it"
    with pytest.raises(ConflictError, match=message) as raised:
        prepare("poles.yaml", ["episodes=2"])
    _one_line(raised)
    claim.give_back()
    prepare("poles.yaml", ["episodes=2"])
    with pytest.raises(ConflictError, match=r"another experiment was begun in .*runs/poles in the meantime"):
        in_worker(task)
    prepare("others.yaml", directory="runs/poles", overwrite=True)


def test_a_full_disk_gives_the_cell_back_and_ends_this_worker(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    task = _task(job)
    with monkeypatch.context() as patch:
        patch.setattr("rltools._util.files.put_in_place", full)
        with pytest.raises(RecordingError, match=r"No space left on device.*Free some space") as raised:
            in_worker(task)
        _one_line(raised)
        assert _status(job) == "waiting"
        with pytest.raises(CellsError, match=r"without a cell being done: cannot write to .*No space left on device"):
            distribute(job, Pool(Inline), 1, poll=0.001)
        with pytest.raises(RecordingError, match="No space left on device"):
            run_experiment("poles.yaml", join=True)
    # Not even a claim can be written.
    with monkeypatch.context() as patch:
        patch.setattr("rltools.experiments.claims.os.write", full)
        with pytest.raises(RecordingError, match="No space left on device"):
            in_worker(task)
    assert _status(job) == "waiting"
    assert len(run_experiment("poles.yaml").recordings) == 1


def test_a_cell_waits_for_whoever_still_writes_to_its_folder(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_work, "POLL", 0.01)
    task = _task(job)
    thread = threading.Thread(target=in_worker, args=(task,))
    with folder_lock(job.folder / "cartpole-ppo-seed-0"):
        thread.start()
        while _status(job) != "running":
            pass
        with pytest.raises(RecordingError, match="this process is writing to"):
            _work._patiently(lambda: _work.do_cell(job, _work.cells_of(job)[0]), patience=0.05)
    thread.join()
    assert _status(job) == "done"


def test_missing_cells_are_those_whose_process_is_gone(job: Job) -> None:
    own = claims.take(job.board, read_states(job.board, [FIRST])[FIRST])
    assert isinstance(own, Claim)
    other = job.board / "cartpole-ppo-seed-0.explain-1-gradient.0001.claim"
    other.write_text('{"host": "node7", "machine": "another", "pid": 1, "born": "1"}')
    assert retry_cells(job, abandoned=True) == ()
    os.utime(other, (1, 1))
    assert retry_cells(job, abandoned=True, failed=False) == ("cartpole-ppo-seed-0.explain-1-gradient",)
    assert [row.status for row in experiment_status(job)] == ["running", "waiting", "waiting"]
    assert experiment_status(job)[0].host == str(this_process())


def test_what_hosts_left_that_died_long_ago_is_begun_at_once(job: Job) -> None:
    left = job.board / f"{FIRST}.0001.claim"
    left.parent.mkdir()
    left.write_text('{"host": "node7", "machine": "another", "pid": 1, "born": "1"}')
    os.utime(left, (1, 1))
    assert len(run_experiment("poles.yaml").recordings) == 1
    assert {row.status for row in experiment_status(job)} == {"done"}


def test_all_settings_that_are_none_are_listed() -> None:
    with pytest.raises(ArgumentError, match=r"'mem' is set twice.*'qos' is set twice.*'time' is no setting"):
        settings_of(["mem=1", "mem=2", "qos=a", "qos=b", "time"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0; it must be at least 1"),
        ({"executor": "slrum"}, "no executor 'slrum'; did you mean slurm"),
        ({"shard": (1, 3), "workers": 2}, "shard= does a part in this process"),
        ({"shard": (1, 3), "executor": "processes"}, "shard= does a part in this process"),
        ({"settings": {"partition": "cpu"}}, "partition: set for an executor, and executor= names none"),
    ],
)
def test_what_would_be_ignored_is_refused_before_anything_is_written(
    options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("poles.yaml").write_text(EXPERIMENT, encoding="utf-8")
    with pytest.raises(RltoolsError, match=re.escape(message)) as raised:
        run_experiment("poles.yaml", **options)
    _one_line(raised)
    assert not Path("runs").exists()
