"""Experiments on several processes, some of which are killed: nothing is lost, and the bytes are those of one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from forked import command, fork_server, start

from rltools.errors import CellsError, SimulationError
from rltools.experiments import _work, claims, experiment_status, open_experiment, retry_cells, run_experiment
from rltools.experiments._distribute import distribute
from rltools.experiments._do_cell import do_cell
from rltools.experiments._run_experiment import prepare
from rltools.experiments._status import check_done
from rltools.experiments.executors import Pool, executor_names, slurm

MODULE = '''
    import os
    import time
    from pathlib import Path

    import gymnasium
    from gymnasium.envs.classic_control import CartPoleEnv

    from rltools.pages.report import _experiment

    FOLDER = Path(__file__).parent
    _experiment.compared_figures = lambda *arguments: []  # they have tests of their own, and take longest

    def is_slow():
        try:
            return (FOLDER / "slow").read_text() in ("", str(os.getpid()))
        except OSError:
            return False

    class Killing(CartPoleEnv):
        """Kills its process once for each file named kill-*, and always if there is one named always.

        It waits as long as there is a file named slow, in the process whose number is in it, or in all.
        """

        def step(self, action):
            while is_slow():
                time.sleep(0.02)
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
'''
EXPERIMENT = """
description: Poles?
agents: [cartpole-ppo]
environment: Killing-v0
methods: [gradient]
episodes: 2
seeds: [0, 1000]
reports: false
"""
FIRST = "cartpole-ppo-seed-0.record"
SECONDS = 120
"""The most that a test waits for a process, on a machine that is busy."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an experiment, and its results in `serial`, done by one process."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "killing_env.py").write_text(textwrap.dedent(MODULE))
    (folder / "poles.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
        run_experiment("poles.yaml", directory=folder / "serial", modules=["killing_env"])
        yield folder
        sys.modules.pop("killing_env", None)


@pytest.fixture(autouse=True)
def _fast(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(project)
    monkeypatch.setattr(slurm, "POLL", 0.05)
    monkeypatch.setattr(_work, "POLL", 0.05)
    yield
    for path in [*project.glob("kill-*"), *project.glob("was-*"), project / "slow", project / "always"]:
        path.unlink(missing_ok=True)


def _run(project: Path, out: str, **options: Any) -> Any:
    return run_experiment("poles.yaml", directory=project / out, modules=["killing_env"], **options)


def _prepare(project: Path, out: str) -> Any:
    return prepare("poles.yaml", directory=project / out, modules=["killing_env"])


def _content(folder: Path) -> dict[str, bytes]:
    files = [*folder.rglob("*.parquet"), *folder.rglob("recording.json"), *folder.glob("tables/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _assert_as_serial(project: Path, out: str) -> None:
    assert _content(project / out) == _content(project / "serial")
    assert {row.status for row in experiment_status(open_experiment(project / out))} == {"done"}


def _attempts(folder: Path) -> int:
    return max(row.attempt for row in experiment_status(open_experiment(folder)))


def _forking(workers: int) -> Executor:
    return ProcessPoolExecutor(workers, mp_context=fork_server())


def _wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def quick_dask() -> Iterator[None]:
    """Workers of dask that are forked from the same server."""
    dask = pytest.importorskip("dask")
    fork_server()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.mark.parametrize("name", [name for name in executor_names() if name != "slurm"])  # it has the test below
def test_workers_that_are_killed_twice_cost_two_cells(project: Path, name: str, request: pytest.FixtureRequest) -> None:
    """Each executor, also a new one, without an address: on this machine."""
    pytest.importorskip({"dask": "distributed", "processes": "joblib"}.get(name, name))
    if name == "dask":
        request.getfixturevalue("quick_dask")
    for number in (1, 2):
        (project / f"kill-{number}").touch()
    _run(project, name, executor=name, workers=1 if name == "processes" else 2)  # its processes begin slowly
    assert not list(project.glob("kill-*"))
    assert _attempts(project / name) > 1
    _assert_as_serial(project, name)


def test_a_job_that_times_out_gives_its_cell_back_and_is_submitted_again(project: Path) -> None:
    """With the signal that precedes the end of its time; then two jobs are killed, and the fourth one goes on."""
    pytest.importorskip("submitit")
    (project / "slow").touch()
    job = _prepare(project, "late")

    def state() -> claims.CellState:
        return claims.read_states(job.board, [FIRST])[FIRST]

    def at_the_first_cell(states: Any) -> None:
        if states[FIRST].status == "running" and (project / "slow").exists():
            os.kill(claims.owner_of(job.board, states[FIRST]).pid, signal.SIGUSR2)
            _wait_for(lambda: state().status == "free")
            for number in (1, 2):
                (project / f"kill-{number}").touch()
            (project / "slow").unlink()

    with slurm.slurm("local", 1, {"time": "2"}) as pool:
        distribute(job, pool, 1, follow=at_the_first_cell, poll=0.05)
        assert len(pool.make()._jobs) >= 4  # type: ignore[attr-defined]
    assert state().attempt >= 4  # one was given back, two lost
    assert not list(project.glob("kill-*"))
    _assert_as_serial(project, "late")


def test_processes_with_and_without_parts_share_a_folder(project: Path) -> None:
    running = []
    for out, options in (("parts", [["--shard", f"{n}/4"] for n in range(1, 5)]), ("joined", [[], ["--join"]] * 2)):
        for number, more in enumerate(options):
            arguments = ["run", "poles.yaml", "--out", out, "--import", "killing_env", "--workers", "1", *more]
            running.append(start(command, project, project / f"{out}-{number}.log", arguments))
    for process in running:
        process.join(SECONDS)
    logs = {path.name: path.read_text() for path in project.glob("*.log")}
    assert [process.exitcode for process in running] == [0] * len(running), logs
    for out in ("parts", "joined"):
        _assert_as_serial(project, out)


@pytest.mark.parametrize(("number", "code", "workers"), [(signal.SIGTERM, 143, "1"), (signal.SIGINT, 130, "2")])
def test_a_command_that_is_interrupted_releases_its_claims(project: Path, number: int, code: int, workers: str) -> None:
    (project / "slow").touch()
    out = f"interrupted-{code}"
    log = project / f"{out}.log"
    arguments = ["run", "poles.yaml", "--out", out, "--import", "killing_env", "--workers", workers]
    process = start(command, project, log, arguments)
    assert process.pid is not None

    def is_running() -> bool:
        with contextlib.suppress(Exception):
            return any(row.status == "running" for row in experiment_status(open_experiment(project / out)))
        return False

    _wait_for(is_running)
    os.kill(process.pid, number)
    process.join(SECONDS)
    assert process.exitcode == code, log.read_text()
    rows = experiment_status(open_experiment(project / out))
    assert {row.status for row in rows} == {"waiting"}
    assert not list((project / out).rglob("*.parquet"))


def test_a_process_that_is_stopped_and_goes_on_harms_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, cells = project / "slow", project / "stopped" / "cells"
    slow.touch()
    arguments = ["run", "poles.yaml", "--out", "stopped", "--import", "killing_env", "--workers", "1"]
    process = start(command, project, project / "stopped.log", arguments)
    assert process.pid is not None
    other = process.pid

    def go_on_when_taken_over() -> None:
        _wait_for(lambda: list(cells.glob(f"*/{FIRST}.0002.claim")))
        slow.unlink()
        os.kill(other, signal.SIGCONT)

    # As long as it is stopped, a moment is as long as a minute and a half.
    watch = partial(claims.Watch, clock=lambda: 1e4 * time.monotonic() if slow.exists() else 0.0)
    monkeypatch.setattr(_work, "Watch", watch)
    thread = threading.Thread(target=go_on_when_taken_over)
    try:
        _wait_for(lambda: list(cells.glob(f"*/{FIRST}.0001.claim")))
        os.kill(other, signal.SIGSTOP)
        slow.write_text(str(other))
        thread.start()
        _run(project, "stopped", join=True)
        process.join(SECONDS)
        assert process.exitcode == 0, (project / "stopped.log").read_text()
    finally:
        process.kill()
        thread.join()
    _assert_as_serial(project, "stopped")


def test_claims_of_dead_hosts_are_taken_over_whatever_the_clocks_say(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with a clock in the past, and one that is alive for a while, with a clock that jumps, as the one here."""
    job = _prepare(project, "dead")
    job.board.mkdir(parents=True)
    first, second = (job.board / f"cartpole-ppo-seed-{seed}.record.0001.claim" for seed in (0, 1000))
    for path in (first, second):
        path.write_text(json.dumps({"host": "node7", "machine": "another", "pid": 4711, "born": "1"}))
    os.utime(second, (1, 1))
    now, taken_while_alive, jumps = [0.0], [], [9e8, 3e9, 5e8, 4e9, 1e9, 2e9] * 5

    def live() -> None:
        for index, moment in enumerate(jumps):
            taken_while_alive.extend(job.board.glob(f"{FIRST}.0002.claim"))
            os.utime(first, (moment + index, moment + index))
            now[0] += claims.BEAT
            time.sleep(0.02)
        now[0] += 2 * claims.STALE
        _wait_for(lambda: list(job.board.glob(f"{FIRST}.0002.claim")) or now.__setitem__(0, now[0] + claims.STALE))

    alive = threading.Thread(target=live)
    monkeypatch.setattr(_work, "Watch", partial(claims.Watch, clock=lambda: now[0]))
    monkeypatch.setattr(_work, "MOST_POLL", 0.1)
    monkeypatch.setattr(time, "time", partial(next, cycle([0.0, 4e9, 1.5e9])))
    alive.start()
    _run(project, "dead", join=True)
    alive.join()
    assert not taken_while_alive
    assert _attempts(project / "dead") == 2
    _assert_as_serial(project, "dead")


def test_any_executor_of_the_caller(project: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        _run(project, "threads", executor=threads)
    _assert_as_serial(project, "threads")
    with _forking(2) as processes:
        _run(project, "pool", executor=processes)
    _assert_as_serial(project, "pool")
    (project / "kill-1").touch()
    with _forking(2) as processes, pytest.raises(CellsError, match=r"takes no more tasks \(BrokenProcessPool.*another"):
        _run(project, "broken", executor=processes)
    with _forking(2) as processes:
        _run(project, "broken", executor=processes)
    _assert_as_serial(project, "broken")


def test_a_cell_that_always_kills_its_process_fails_and_the_others_are_done(project: Path) -> None:
    (project / "always").touch()
    job = _prepare(project, "killed")
    distribute(job, Pool(lambda: _forking(2)), 2, poll=0.05)
    with pytest.raises(
        CellsError, match=r"2 of 5 cells failed \(.*ended without a word 3 times.*rltools retry"
    ) as raised:
        check_done(job)
    assert FIRST in str(raised.value)
    rows = {row.cell: row for row in experiment_status(job)}
    assert rows["cartpole-ppo-seed-0.explain-1-gradient"].status == "blocked"
    assert rows["page"].status == "blocked"
    (project / "always").unlink()
    assert len(retry_cells(job, dry_run=True)) == 2
    assert {row.status for row in experiment_status(job)} == {"failed", "blocked"}
    retry_cells(job)
    assert {row.status for row in experiment_status(job)} == {"waiting"}
    _run(project, "killed")
    _assert_as_serial(project, "killed")


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
