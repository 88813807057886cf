"""What other systems do otherwise, simulated here or read in the code.

Windows opens no folder, flushes only what can be written, keeps a file that another process reads, and ends lines
differently.
"""

import ast
import os
from pathlib import Path

import pytest

import rltools
from rltools._util import files
from rltools.errors import BusyError, RecordingError

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


def test_a_file_that_another_process_reads_is_replaced_when_it_has_been_read(windows, tmp_path, monkeypatch):
    refusals = iter([True, True, False])
    rename = Path.replace

    def refuse(self, target):
        if next(refusals):
            raise PermissionError(13, "Access is denied", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(files, "_PATIENCE", (0, 0))
    (tmp_path / "index.html").write_text("old", encoding="utf-8")
    with files.atomic_write(tmp_path / "index.html") as temporary:
        temporary.write_text("new", encoding="utf-8")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_a_file_that_stays_in_use_is_kept_and_reported(windows, tmp_path, monkeypatch):
    def refuse(self, target):
        raise PermissionError(13, "Access is denied", str(target))

    monkeypatch.setattr(files, "_PATIENCE", (0, 0))
    (tmp_path / "index.html").write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", refuse)
    with (
        pytest.raises(RecordingError, match=r"cannot write to .*: Access is denied"),
        files.os_errors_as(tmp_path),
        files.atomic_write(tmp_path / "index.html") as temporary,
    ):
        temporary.write_text("new", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


WRITES = {"write_text": {"encoding", "newline"}, "to_csv": {"lineterminator"}, "read_text": {"encoding"}}


def test_texts_are_the_same_bytes_on_every_system():
    """Encoding and ends of lines are named wherever a text is written; Windows has others by default."""
    used, wrong = set(), []
    for path in Path(rltools.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not any(f".{name}(" in text for name in (*WRITES, "open")):
            continue
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            named = {keyword.arg for keyword in call.keywords}
            expected = WRITES.get(name, set())
            if name == "open" and any(isinstance(each, ast.Constant) and each.value == "w" for each in call.args[:1]):
                expected = WRITES["write_text"]
            if expected:
                used.add(name)
                wrong += [f"{path}:{call.lineno} {name}"] * (not expected <= named)
    assert used == {*WRITES, "open"}
    assert not wrong
