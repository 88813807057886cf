"""Experiments on several processes, some of which are killed: nothing is lost, and the bytes are those of one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rltools.errors import ArgumentError, CellsError, SimulationError, UnknownNameError
from rltools.experiments import _work, experiment_status, open_experiment, retry_cells, run_experiment
from rltools.experiments._do_cell import do_cell
from rltools.experiments.executors import executor_names, open_executor
from rltools.experiments.executors.slurm import minutes

MODULE = """
    import os
    from pathlib import Path

    import gymnasium
    from gymnasium.envs.classic_control import CartPoleEnv

    FOLDER = Path(os.environ["KILLING_FOLDER"])

    class Killing(CartPoleEnv):
        "Kills its own process once for each file named kill-*, and always if there is one named always."

        def step(self, action):
            for path in FOLDER.glob("kill-*"):
                try:
                    path.rename(FOLDER / f"was-{path.name}")
                except OSError:
                    continue
                os.kill(os.getpid(), 9)
            if (FOLDER / "always").exists():
                os.kill(os.getpid(), 9)
            return super().step(action)

    gymnasium.register("Killing-v0", Killing, max_episode_steps=20)
"""
EXPERIMENT = """
description: Poles?
agents: [cartpole-ppo]
environment: Killing-v0
methods: [gradient]
episodes: 2
seeds: [0, 1000]
reports: false
"""
CODE = "import sys; sys.argv[0] = 'rltools'; from rltools.cli import main; main()"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "killing_env.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "poles.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("KILLING_FOLDER", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Figures have tests of their own, and take longest.
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    return tmp_path


def _run(project: Path, out: str, **options: Any) -> Any:
    return run_experiment("poles.yaml", directory=project / out, modules=["killing_env"], **options)


def _content(folder: Path) -> dict[str, bytes]:
    files = [*folder.rglob("*.parquet"), *folder.rglob("recording.json"), *folder.glob("tables/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _attempts(folder: Path) -> int:
    return max(row.attempt for row in experiment_status(open_experiment(folder)))


def test_processes_that_are_killed_twice_cost_two_cells(project: Path) -> None:
    _run(project, "serial")
    for number in (1, 2):
        (project / f"kill-{number}").touch()
    result = _run(project, "processes", workers=2)
    assert not list(project.glob("kill-*"))
    assert len(result.recordings) == 2
    assert _content(project / "processes") == _content(project / "serial")
    assert all(row.status == "done" for row in experiment_status(open_experiment(project / "processes")))
    assert _attempts(project / "processes") > 1


def test_a_cell_that_always_kills_its_process_fails_and_the_others_are_done(project: Path) -> None:
    (project / "always").touch()
    with pytest.raises(
        CellsError, match=r"2 of 5 cells failed \(.*ended without a word 3 times.*rltools retry"
    ) as caught:
        _run(project, "killed", workers=2)
    assert "cartpole-ppo-seed-0.record" in str(caught.value)
    rows = {row.cell: row for row in experiment_status(open_experiment(project / "killed"))}
    assert rows["cartpole-ppo-seed-0.explain-1-gradient"].status == "blocked"
    assert rows["page"].status == "blocked"
    (project / "always").unlink()
    job = open_experiment(project / "killed")
    assert len(retry_cells(job, dry_run=True)) == 2
    assert {row.status for row in experiment_status(job)} == {"failed", "blocked"}
    retry_cells(job)
    assert {row.status for row in experiment_status(job)} == {"missing"}
    assert len(_run(project, "killed").recordings) == 2


def test_a_failed_cell_keeps_its_error_and_is_tried_again_by_the_next_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(job: Any, cell: Any, **options: Any) -> dict[str, Any]:
        if cell.kind == "explain":
            raise SimulationError("the motor broke")
        return do_cell(job, cell, **options)

    with monkeypatch.context() as patched:
        patched.setattr(_work, "do_cell", failing)
        message = r"1 of 5 cells failed \(.*explain-1-gradient: rltools.errors.SimulationError: the motor broke\)"
        with ThreadPoolExecutor(1) as threads, pytest.raises(CellsError, match=message):
            _run(project, "mended", executor=threads, fail_fast=True)
        with pytest.raises(CellsError, match="1 of 5 cells failed"):
            _run(project, "mended", join=True, fail_fast=True)
        with pytest.raises(SimulationError, match="the motor broke"):
            _run(project, "alone")
    rows = experiment_status(open_experiment(project / "mended"))
    assert [row.error for row in rows if row.status == "failed"] == ["rltools.errors.SimulationError: the motor broke"]
    assert len(_run(project, "mended").recordings) == 2


def _processes(project: Path, out: str, *options: list[str]) -> list[str]:
    """Run commands side by side, and return what they print."""
    command = [sys.executable, "-c", CODE, "run", "poles.yaml", "--out", out, "--import", "killing_env"]
    running = [
        subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=project)
        for more in options
    ]
    printed = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), printed
    return printed


def test_plain_processes_share_a_folder_with_and_without_parts(project: Path) -> None:
    _run(project, "serial")
    _processes(project, "parts", ["--shard", "1/2"], ["--shard", "2/2"])
    assert _content(project / "parts") == _content(project / "serial")
    _processes(project, "joined", ["--workers", "1"], ["--workers", "1", "--join"])
    assert _content(project / "joined") == _content(project / "serial")


def test_dask_whose_workers_are_killed_twice(project: Path) -> None:
    distributed = pytest.importorskip("distributed")
    _run(project, "serial")
    for number in (1, 2):
        (project / f"kill-{number}").touch()
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
    ):
        _run(project, "dask", executor=f"dask://{cluster.scheduler_address.removeprefix('tcp://')}")
    assert not list(project.glob("kill-*"))
    assert _content(project / "dask") == _content(project / "serial")


def test_jobs_of_submitit_that_time_out_are_submitted_again(project: Path) -> None:
    pytest.importorskip("submitit")
    _run(project, "serial")
    (project / "kill-1").touch()
    _run(project, "jobs", executor="slurm://local", workers=2)
    assert not list(project.glob("kill-*"))
    assert _content(project / "jobs") == _content(project / "serial")


def test_executors_are_known_by_their_files() -> None:
    assert {"processes", "dask", "slurm", "ray"} <= set(executor_names())
    with pytest.raises(UnknownNameError, match="did you mean dask"):
        open_executor("dusk", 2)


@pytest.mark.parametrize(
    ("address", "settings", "error", "message"),
    [
        ("processes://here", {}, ArgumentError, "take no address and no settings, not 'here'"),
        ("processes", {"mem": "2G"}, ArgumentError, "not {'mem': '2G'}; only workers"),
        ("dask://127.0.0.1:1", {"mem": "2G"}, ArgumentError, "set them where its cluster is made"),
        ("slurm", {}, SimulationError, "no Slurm answers here"),
        ("slurm://local", {"time": "soon"}, ArgumentError, "time='soon' is no time"),
    ],
)
def test_what_an_executor_cannot_do_is_said(
    address: str, settings: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), open_executor(address, 2, settings):
        pass


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("90:00", 90), ("1:30:00", 90), ("0:30", 1), ("1-0:00:00", 1440), ("2-12:00:01", 3601)],
)
def test_times_are_written_as_slurm_writes_them(text: str, number: int) -> None:
    assert minutes(text) == number
