"""Folders that go away while they are written to, that allow no writing, or that have two writers."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import rltools
from rltools._util.lock import folder_lock
from rltools.errors import ConflictError, RecordingError
from rltools.explanation import _explainer

Make = Callable[..., Any]


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace(folder: Path) -> None:
    rename(folder)
    (folder / "episodes").mkdir(parents=True)


LOSSES = pytest.mark.parametrize("lose", [rename, remove, replace])


def losing(make_env: Make, folder: Path, lose: Callable[[Path], None], after: int) -> Any:
    """Environments of which one loses the folder while it steps, once so many episodes are there."""

    def step(env: Any, action: Any) -> Any:
        if not lost and len(list((folder / "episodes").glob("0*"))) >= after:
            lost.append(lose(folder))
        return env.observation(), 1.0, env.t >= 5, False, {}

    lost: list[None] = []
    return make_env(step=step)


@LOSSES
@pytest.mark.parametrize("after", [0, 2])
def test_the_run_folder_goes_while_it_is_recorded(
    lose: Callable[[Path], None], after: int, make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    policy = make_policy(make_env())
    with pytest.raises(RecordingError) as caught:
        rltools.record(policy, losing(make_env, folder, lose, after), episodes=4, num_envs=1, directory=folder)
    message = str(caught.value)
    assert f"{folder} was removed, renamed or replaced while it was being written to" in message
    if lose is not remove:
        assert f"it is now {tmp_path / 'elsewhere'}, with all files finished before" in message
        assert len(list(rltools.open_recording(tmp_path / "elsewhere"))) == after
    assert not list(tmp_path.rglob(".unfinished*"))
    assert not list(folder.rglob("*.parquet")), "nothing is written into a folder that has taken its place"
    if folder.exists():
        shutil.rmtree(folder)
    assert len(list(rltools.record(policy, make_env(), episodes=2, directory=folder))) == 2


@LOSSES
def test_the_run_folder_goes_while_it_is_explained(
    lose: Callable[[Path], None],
    make_policy: Make,
    make_env: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = make_policy(make_env())
    recording = rltools.record(policy, make_env(), episodes=2, directory=tmp_path / "run")
    explained = _explainer.explained_rows

    def losing_rows(*arguments: Any, **options: Any) -> Any:
        lose(recording.directory)
        return explained(*arguments, **options)

    monkeypatch.setattr(_explainer, "explained_rows", losing_rows)
    with pytest.raises(RecordingError, match="was removed, renamed or replaced"):
        rltools.explain(recording, policy, method="gradient")
    assert not list(tmp_path.rglob(".unfinished*"))
    assert not list(recording.directory.rglob("*.parquet"))


@pytest.mark.parametrize("method", ["gradient", "shapley"])
def test_the_attribution_folder_goes_while_it_is_filled(
    method: str, make_policy: Make, make_env: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made again by what follows, without the episodes that were explained before, or what they compare with."""
    from rltools.explanation import batches as _batches

    env = make_env(length=3)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=4, directory=tmp_path / "run")
    explained, calls = _explainer.explained_rows, []

    def losing_rows(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            for folder in (recording.directory / "attributions").iterdir():
                shutil.rmtree(folder)
        return explained(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(_explainer, "explained_rows", losing_rows)
        patched.setattr(_batches, "MOST_COPIES", 3)
        with pytest.raises(
            RecordingError, match=r"do not exist any more|cannot write to|was removed, renamed or replaced"
        ):
            rltools.explain(recording, policy, method=method, references=1)
    assert not list(tmp_path.rglob(".unfinished*"))
    shutil.rmtree(recording.directory / "attributions")
    again = rltools.explain(recording, policy, method=method, references=1)
    assert np.isfinite(again.attribution().values).all()


def test_an_episode_goes_while_others_are_recorded(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    def lose_one(folder: Path) -> None:
        (folder / "episodes" / "000000.parquet").unlink()

    policy = make_policy(make_env())
    env = losing(make_env, tmp_path, lose_one, 1)
    with pytest.raises(RecordingError, match=r"1 files that were written .*000000\.parquet is the first"):
        rltools.record(policy, env, episodes=3, num_envs=1, directory=tmp_path)
    assert len(list(rltools.record(policy, make_env(), episodes=3, directory=tmp_path))) == 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_an_error_of_the_disk_leaves_nothing_behind(
    code: int, make_policy: Make, make_env: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make_env()
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=2, directory=tmp_path)
    sync, calls = os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(1)
        if len(calls) > 1:  # the question is kept, and no attribution
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(RecordingError, match=os.strerror(code)):
            rltools.explain(recording, policy, method="gradient")
    assert not list(tmp_path.rglob(".unfinished*"))
    assert len(rltools.explain(recording, policy, method="gradient").attribution()) == 10


def test_nothing_to_do_needs_no_writing(
    make_policy: Make, make_env: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make_env()
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=2, directory=tmp_path, frames=[0])
    rltools.explain(recording, policy, method="shapley", references=2)
    opened = os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *rest, **named)

    (tmp_path / ".lock").unlink()
    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: refusing("folder", os.O_CREAT))
    again = rltools.record(policy, env, episodes=2, directory=tmp_path, frames=[0])
    assert len(rltools.explain(again, policy, method="shapley", references=2).attribution()) == 10
    with pytest.raises(RecordingError, match="Read-only file system"):
        rltools.explain(again, policy, method="gradient")
    with pytest.raises(RecordingError, match="Read-only file system"):
        rltools.record(policy, env, episodes=3, directory=tmp_path)


def test_a_question_whose_text_alone_is_lost_is_written_again(
    make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    env = make_env()
    policy = make_policy(env)
    recording = rltools.explain(rltools.record(policy, env, episodes=2, directory=tmp_path), policy, method="gradient")
    (path,) = tmp_path.glob("attributions/*/attribution.json")
    (before,) = recording.specs.values()
    path.unlink()
    assert recording.specs == {}
    assert len(rltools.explain(recording, policy, method="gradient").attribution()) == 10
    assert [*rltools.open_recording(tmp_path).specs.values()] == [before]


def test_two_threads_do_not_share_a_folder(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def step(env: Any, action: Any) -> Any:
        inside.set()
        assert go_on.wait(60)
        return env.observation(), 1.0, True, False, {}

    env = make_env(step=step)
    policy = make_policy(env)
    thread = threading.Thread(target=lambda: rltools.record(policy, env, episodes=1, directory=tmp_path / "run"))
    thread.start()
    try:
        assert inside.wait(60)
        (tmp_path / "link").symlink_to(tmp_path / "run")
        for folder in (tmp_path / "run", tmp_path / "link", tmp_path / "run" / ".." / "run"):
            with pytest.raises(ConflictError, match="this process is writing to"):
                rltools.record(policy, make_env(), episodes=2, directory=folder, overwrite=True)
    finally:
        go_on.set()
        thread.join()
    assert len(rltools.record(policy, make_env(), episodes=2, directory=tmp_path / "run")) == 2


def test_two_replay_wrappers_do_not_share_a_folder(cartpole: Any, tmp_path: Path) -> None:
    def wrapped() -> rltools.ReplayWrapper:
        env = gymnasium.make("CartPole-v1", max_episode_steps=3)
        return rltools.ReplayWrapper(rltools.AttributionWrapper(env, cartpole), tmp_path)

    first = wrapped()
    with pytest.raises(ConflictError, match="close what writes there"):
        wrapped()
    first.close()
    second = wrapped()
    del second
    gc.collect()
    wrapped().close()


def test_a_lock_may_be_given_back_in_another_thread(tmp_path: Path) -> None:
    lock = folder_lock(tmp_path)
    lock.__enter__()
    thread = threading.Thread(target=lambda: lock.__exit__(None, None, None))
    thread.start()
    thread.join()
    with folder_lock(tmp_path):
        pass
