"""Rows 8, 10 and 11 of the table of faults: interrupted, refused and contested writing."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.errors import ConflictError, RecordingError

Make = Callable[..., Any]


def assert_intact(folder: Path, numbers: list[int]) -> None:
    """These episodes are there and readable, nothing unfinished is, and the folder can be written to again."""
    recording = rltools.open_recording(folder)
    assert [episode.outcome.number for episode in recording] == numbers
    assert not list(folder.rglob(".unfinished*"))


def test_row_08_ctrl_c_while_stepping(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    interrupted: list[int] = []

    def step(env: Any, action: Any) -> Any:
        if len(list((tmp_path / "episodes").glob("0*"))) == 3 and not interrupted:
            interrupted.append(1)
            raise KeyboardInterrupt
        return env.observation(), 1.0, env.t >= 5, False, {}

    closed: list[Any] = []
    env = make_env(step=step, close=closed.append)
    policy = make_policy(env)
    closed.clear()
    with pytest.raises(KeyboardInterrupt):
        rltools.record(policy, env, episodes=8, num_envs=1, directory=tmp_path)
    assert_intact(tmp_path, [0, 1, 2])
    assert len(closed) == 5  # the one that is looked at first, three that ended, and the one that was interrupted
    assert len(rltools.record(policy, env, episodes=8, directory=tmp_path)) == 8


def test_row_08_ctrl_c_finishes_the_current_write(
    make_policy: Make, make_env: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make_env()
    policy = make_policy(env)
    rltools.record(policy, env, episodes=1, directory=tmp_path)
    sync = os.fsync

    def interrupting(descriptor: int) -> None:
        signal.raise_signal(signal.SIGINT)
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupting)
        with pytest.raises(KeyboardInterrupt):
            rltools.record(policy, env, episodes=4, num_envs=1, directory=tmp_path)
    assert_intact(tmp_path, [0, 1])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_row_08_recording_in_a_thread(make_policy: Make, make_env: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    env = make_env()
    with ThreadPoolExecutor() as pool:
        assert len(pool.submit(rltools.record, make_policy(env), env, episodes=2).result()) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_row_10_the_disk_is_full(
    code: int, make_policy: Make, make_env: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make_env()
    policy = make_policy(env)
    rltools.record(policy, env, episodes=2, directory=tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RecordingError, match=f"cannot write to .*{os.strerror(code)}.* are intact"):
            rltools.record(policy, env, episodes=4, directory=tmp_path)
        with pytest.raises(RecordingError, match="cannot write to"):
            rltools.explain(rltools.open_recording(tmp_path), policy, method="gradient")
    assert_intact(tmp_path, [0, 1])
    assert len(rltools.record(policy, env, episodes=4, directory=tmp_path)) == 4


def test_row_10_files_can_grow_no_further(script: Callable[..., Any], tmp_path: Path) -> None:
    """The operating system itself refuses, in the middle of a file."""
    process = script(
        """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rltools.record(policy, Counting, episodes=3, directory=sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
class Noisy(Counting):
    def step(self, action):
        return np.random.default_rng(self.t).random(3, np.float32), *super().step(action)[1:]
try:
    rltools.record(policy, lambda: Noisy(length=20_000), episodes=5, max_steps=None, directory=sys.argv[1])
except rltools.errors.RecordingError as error:
    print(error)
""",
        tmp_path,
    )
    message, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems
    assert "cannot write to" in message
    assert "files finished before are intact" in message
    assert "Exception ignored" not in problems
    assert_intact(tmp_path, [0, 1, 2])


def test_row_10_a_folder_that_cannot_be(cartpole: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RecordingError, match=r"cannot write to .*Not a directory"):
        rltools.record(cartpole, episodes=1, directory=tmp_path / "file" / "run")


def test_row_10_a_folder_that_is_read_only(cartpole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rltools.record(cartpole, episodes=2, max_steps=5, directory=tmp_path)
    opened = os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing)
        with pytest.raises(RecordingError, match=r"cannot write to .*Read-only file system"):
            rltools.record(cartpole, episodes=3, max_steps=5, directory=tmp_path)
        assert len(list(rltools.open_recording(tmp_path))) == 2


def test_row_11_a_second_writer_refuses(cartpole: Any, make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    """While one recording is under way, from inside its environment."""
    refused: list[str] = []

    def reset(env: Any) -> Any:
        with pytest.raises(ConflictError) as caught:
            rltools.record(policy, env, episodes=1, directory=tmp_path)
        refused.append(str(caught.value))
        with pytest.raises(ConflictError):
            rltools.explain(rltools.open_recording(tmp_path), policy, method="gradient")
        return env.observation(), {}

    env = make_env(reset=reset)
    policy = make_policy(env)
    assert len(rltools.record(policy, env, episodes=1, directory=tmp_path)) == 1
    assert refused == [
        f"this process is writing to {tmp_path} already; wait for it, close what writes there, or choose another folder"
    ]


def test_row_11_two_processes(script: Callable[..., Any], make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    process = script(
        """
rltools.record(policy, lambda: Counting(length=10**9, pause=0.01), episodes=1, directory=sys.argv[1])
""",
        tmp_path,
    )
    try:
        while not (tmp_path / "recording.json").is_file():
            assert process.poll() is None, process.communicate()
        env = make_env()
        with pytest.raises(ConflictError, match="another process is writing"):
            rltools.record(make_policy(env), env, episodes=1, directory=tmp_path, overwrite=True)
    finally:
        process.kill()
        process.communicate()
    env = make_env()
    assert len(rltools.record(make_policy(env), env, episodes=1, directory=tmp_path, overwrite=True)) == 1
