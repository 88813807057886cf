"""What other systems do not allow, simulated here: Windows opens no folder, and flushes only what can be written."""

import os
from pathlib import Path

import pytest

import rltools
from rltools._util import files
from rltools.errors import BusyError

fcntl = pytest.importorskip("fcntl", reason="there is nothing to simulate on Windows")


@pytest.fixture
def windows(monkeypatch):
    """Open files as Windows does."""
    os_open, fsync = os.open, os.fsync

    def open_file(path, flags, mode=0o777, **options):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return os_open(path, flags, mode, **options)

    def flush(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        fsync(descriptor)

    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(files, "_WINDOWS", True)


def test_episodes_are_recorded_explained_and_exported_where_folders_cannot_be_opened(windows, tmp_path):
    policy = rltools.load_policy("cartpole-ppo")
    folder = tmp_path / "run"
    recording = rltools.record(policy, episodes=1, max_steps=20, directory=folder)
    recording = rltools.explain(recording, policy, method="gradient")
    table = rltools.export(recording, "zarr", tmp_path / "run.zarr")
    assert len(rltools.open_recording(folder)) == 1
    assert any(path.is_file() for path in Path(table).rglob("*"))
    assert not list(tmp_path.rglob(".unfinished-*"))


def test_a_folder_has_one_writer_where_folders_cannot_be_opened(windows, tmp_path):
    with files.one_writer(tmp_path, "test") as output:
        assert output.is_in_place()
        assert output.new_path() is None or not output.is_in_place()
        with pytest.raises(BusyError), files.one_writer(tmp_path, "test"):
            pass
    assert not files.has_writer(tmp_path, "test")


def test_names_of_files_and_folders_are_allowed_on_windows(tmp_path):
    """Reserved characters, and a space or a point at the end."""
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=1, max_steps=8, directory=tmp_path / "run")
    for target in ("logit:chosen", "logit:chosen - runner_up", "value"):
        recording = rltools.explain(recording, policy, method="gradient", target=target)
    rltools.explain(recording, policy, method="shapley", references=4)
    names = {path.name for path in tmp_path.rglob("*")}
    assert len([path for path in (tmp_path / "run" / "attributions").iterdir() if path.is_dir()]) == 4
    assert not [name for name in names if set(name) & set('<>:"|?*\\') or name.endswith((" ", "."))]
