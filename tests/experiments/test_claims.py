"""Claims of cells: one process each, taken over from the dead, and never by a clock that jumps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rltools.experiments import claims
from rltools.experiments._owner import Owner, this_process
from rltools.experiments.claims import Claim, Watch, held, log_of, owner_of, read_states, retry

CELLS = ("a.record", "b.explain-1", "b.explain-10")


def _state(folder: Path, cell: str = "a.record") -> claims.CellState:
    return read_states(folder, CELLS)[cell]


def take(folder: Path, state: claims.CellState, watch: Watch) -> Claim | None:
    """As a process does it that watches the claims of others."""
    return claims.take(folder, state, stale=state.status == "running" and watch.is_stale(folder, state))


def _dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def _claim_of(folder: Path, attempt: int, **owner: object) -> Path:
    """A claim as another process would have made it."""
    path = folder / f"a.record.{attempt:04d}.claim"
    path.write_text(json.dumps({"host": "node7", "machine": "", "pid": 1, "born": "1"} | owner))
    return path


def test_a_cell_without_files_is_free_and_one_process_gets_it(tmp_path: Path) -> None:
    state = _state(tmp_path)
    assert (state.status, state.attempt) == ("free", 0)
    first, second = take(tmp_path, state, Watch()), take(tmp_path, state, Watch())
    assert first is not None
    assert second is None
    running = _state(tmp_path)
    assert (running.status, running.attempt) == ("running", 1)
    assert owner_of(tmp_path, running) == this_process()
    assert take(tmp_path, running, Watch()) is None  # its process is alive


def test_of_many_threads_one_gets_a_cell(tmp_path: Path) -> None:
    state, start, taken = _state(tmp_path), threading.Barrier(16), []

    def attempt() -> None:
        start.wait()
        if take(tmp_path, state, Watch()) is not None:
            taken.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_a_cell_that_is_done_is_never_taken(tmp_path: Path) -> None:
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    with held(claim):
        claim.done({"seconds": 1})
    assert _state(tmp_path).status == "done"
    assert take(tmp_path, _state(tmp_path), Watch()) is None
    assert claims.result_of(tmp_path, _state(tmp_path)) == {"seconds": 1}
    retry(tmp_path, read_states(tmp_path, CELLS), "failed")
    assert _state(tmp_path).status == "done"
    retry(tmp_path, read_states(tmp_path, CELLS), "done")
    assert _state(tmp_path).status == "free"


def test_an_interrupted_cell_is_given_back(tmp_path: Path) -> None:
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    with pytest.raises(KeyboardInterrupt), held(claim):
        raise KeyboardInterrupt
    assert _state(tmp_path).status == "free"
    again = take(tmp_path, _state(tmp_path), Watch())
    assert again is not None
    assert again.attempt == 2


def test_a_failed_cell_keeps_its_log_until_it_is_tried_again(tmp_path: Path) -> None:
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    claim.failed("step 3\nSimulationError: the motor broke\n")
    failed = _state(tmp_path)
    assert failed.status == "failed"
    assert log_of(tmp_path, failed).splitlines()[-1] == "SimulationError: the motor broke"
    assert take(tmp_path, failed, Watch()) is None
    assert retry(tmp_path, read_states(tmp_path, CELLS), "failed") == ["a.record"]
    assert _state(tmp_path).status == "free"
    assert log_of(tmp_path, failed)  # the log of the first attempt stays


def test_the_claim_of_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path: Path) -> None:
    _claim_of(tmp_path, 1, machine=this_process().machine, pid=_dead_process(), born="1")
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    assert claim.attempt == 2


def test_a_process_number_that_was_given_again_is_no_sign_of_life(tmp_path: Path) -> None:
    _claim_of(tmp_path, 1, machine=this_process().machine, pid=os.getpid(), born="1")
    assert take(tmp_path, _state(tmp_path), Watch()) is not None


@pytest.mark.parametrize("machine", ["", "another machine"])
def test_a_claim_from_elsewhere_is_stale_when_nobody_touches_it(tmp_path: Path, machine: str) -> None:
    path, now = _claim_of(tmp_path, 1, machine=machine), [0.0]
    watch = Watch(clock=lambda: now[0], stale=90)
    assert take(tmp_path, _state(tmp_path), watch) is None
    now[0] = 80
    assert take(tmp_path, _state(tmp_path), watch) is None
    os.utime(path, ns=(1, 1))  # touched by a machine whose clock is 50 years behind
    now[0] = 160
    assert take(tmp_path, _state(tmp_path), watch) is None
    now[0] = 240
    assert take(tmp_path, _state(tmp_path), watch) is None
    now[0] = 251
    claim = take(tmp_path, _state(tmp_path), watch)
    assert claim is not None
    assert claim.attempt == 2


def test_files_from_the_future_are_no_sign_of_life_or_death(tmp_path: Path) -> None:
    path, now = _claim_of(tmp_path, 1), [0.0]
    os.utime(path, (4e9, 4e9))
    watch = Watch(clock=lambda: now[0], stale=90)
    assert take(tmp_path, _state(tmp_path), watch) is None
    now[0] = 91
    assert take(tmp_path, _state(tmp_path), watch) is not None


def test_a_claim_that_is_held_is_touched(tmp_path: Path) -> None:
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    before = _state(tmp_path).touched
    with held(claim, beat=0.001):
        for _ in range(10_000):
            if _state(tmp_path).touched != before:
                break
        else:
            raise AssertionError("nobody touched it")


def test_a_cell_that_always_kills_its_process_fails_in_the_end(tmp_path: Path) -> None:
    dead = {"machine": this_process().machine, "pid": _dead_process(), "born": "1"}
    for attempt in (1, 2, 3):
        _claim_of(tmp_path, attempt, **dead)
    assert take(tmp_path, _state(tmp_path), Watch()) is None
    failed = _state(tmp_path)
    assert failed.status == "failed"
    assert "ended without a word 3 times, the last time on node7" in log_of(tmp_path, failed)
    retry(tmp_path, read_states(tmp_path, CELLS), "failed")
    claim = take(tmp_path, _state(tmp_path), Watch())
    assert claim is not None
    assert claim.attempt == 4
    assert _state(tmp_path).lost == 0  # counted anew


def test_a_claim_that_was_cut_short_has_an_unknown_owner(tmp_path: Path) -> None:
    (tmp_path / "a.record.0001.claim").write_bytes(b'{"host": "nod')
    assert owner_of(tmp_path, _state(tmp_path)) == Owner()
    assert take(tmp_path, _state(tmp_path), Watch()) is None


def test_other_files_are_no_claims(tmp_path: Path) -> None:
    for name in ("c.record.0001.claim", "a.record", "a.record.x.claim", "b.explain-1.0001.tmp", ".unfinished-a.done"):
        (tmp_path / name).write_bytes(b"")
    assert next(state.status for state in read_states(tmp_path, CELLS).values()) == "free"
    assert read_states(tmp_path / "missing", CELLS)["a.record"].status == "free"
