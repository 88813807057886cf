"""Parts of some work in other processes: results, errors, processes that end, and what they see of this one."""

from __future__ import annotations

import os
import sys
import threading
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rltools._util import workers
from rltools._util.workers import check_workers, in_workers, start_workers
from rltools.errors import ArgumentError, RltoolsWarning, SimulationError


class OddError(Exception):
    """An error that cannot be made again from what it says."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def surroundings(shared: Any, part: int) -> tuple[Any, int, str, bool, str | None]:
    warnings.warn(f"part {part} is odd", RltoolsWarning, stacklevel=2)
    return shared, part * part, str(Path.cwd()), "/nowhere" in sys.path, os.environ.get("OF_THIS_TEST")


def fail(shared: Any, part: int) -> int:
    if part == 1:
        raise shared()
    return part


def end(shared: Any, part: int) -> int:
    if part == shared:
        os._exit(3)
    return os.getpid()


def sleep(shared: Path, part: int) -> None:
    (shared / f"{os.getpid()}").touch()
    time.sleep(60)


# The thread with which loky manages processes may fail, late, on those that a test ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_same_processes_do_parts_until_they_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test, because processes take long to start."""
    start_workers(2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere"])
    monkeypatch.setenv("OF_THIS_TEST", "yes")
    looks: list[float] = []
    with (
        pytest.warns(RltoolsWarning, match=r"part \d is odd") as caught,
        in_workers(2, surroundings, "shared", range(5), lambda: looks.append(time.time())) as results,
    ):
        values = dict(results)
    assert values == {part: ("shared", part * part, str(tmp_path), True, "yes") for part in range(5)}
    assert len(caught) == 5
    assert looks
    for error, expected, message in (
        (partial(SimulationError, "the motor broke"), SimulationError, "the motor broke"),
        (partial(OddError, "the", "motor"), RuntimeError, "OddError: the motor"),
    ):
        with pytest.raises(expected, match=message), in_workers(2, fail, error, range(3)) as results:
            list(results)
    with in_workers(2, end, None, range(6)) as results:
        before = {pid for _, pid in results}
    with in_workers(2, end, None, range(6)) as results:
        assert len({pid for _, pid in results} | before) <= 2
    ended = r"another process that worked on this ended \(TerminatedWorkerError\).*call again with fewer workers"
    with pytest.raises(SimulationError, match=ended), in_workers(2, end, 2, range(6)) as results:
        list(results)
    names: list[str] = []

    def interrupt() -> None:
        names[:] = [path.name for path in tmp_path.iterdir() if path.name.isdigit()]
        if names:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), in_workers(2, sleep, tmp_path, range(9), interrupt) as results:
        list(results)
    latest = time.monotonic() + 20
    while any(map(_is_alive, names)):
        assert time.monotonic() < latest


def _is_alive(name: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{name}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def test_what_cannot_be_sent_or_made_elsewhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"cannot be sent to another process \(TypeError: .*leave out workers, or give an id"
    with pytest.raises(ArgumentError, match=message), in_workers(2, fail, threading.Lock(), range(2)):
        pass
    module = types.ModuleType("only_in_this_test")
    exec("class Nowhere: pass", vars(module))
    monkeypatch.setitem(sys.modules, "only_in_this_test", module)
    module.Nowhere.__module__ = "only_in_this_test"
    monkeypatch.setattr(workers, "_unpacked", _unpacked_without(module.__name__))
    message = r"another process cannot make the policy or the environment \(ModuleNotFoundError: .*install the module"
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(ArgumentError, match=message),
        in_workers(threads, fail, module.Nowhere(), range(2)) as results,
    ):
        list(results)


def _unpacked_without(name: str) -> Any:
    unpacked = workers._unpacked

    def elsewhere(call: str, payload: bytes) -> Any:
        del sys.modules[name]
        return unpacked(call, payload)

    return elsewhere


@pytest.mark.parametrize(("number", "message"), [(0, "workers is 0"), (1.5, "workers is 1.5"), ("two", "workers is")])
def test_workers_are_a_number_or_an_executor(number: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        check_workers(number)
    with ThreadPoolExecutor(1) as threads:
        check_workers(threads)
        with in_workers(threads, fail, None, [0, 2]) as results:
            assert dict(results) == {0: 0, 1: 2}
