"""Files that are written in the background leave nothing behind, whenever an error of one of them arrives."""

from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import numpy as np
import pytest

from rltools.recording.writers import BackgroundFiles, BlockFile

ROWS = {"x": np.arange(3)}
CALLS: dict[str, Callable[[BackgroundFiles, Path], None]] = {
    "finish": lambda files, path: files.finish(path, {}),
    "abandon": lambda files, path: files.abandon(path),
}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full for files named full.parquet alone."""
    write = BlockFile.write

    def refuse(file: BlockFile, columns: dict[str, np.ndarray]) -> None:
        if file._path.name == "full.parquet":
            raise OSError("no space left")
        write(file, columns)

    monkeypatch.setattr(BlockFile, "write", refuse)


def work_off(files: BackgroundFiles) -> None:
    """Wait until everything so far was tried; its errors are still to come, at the next call."""
    wait([future for future, _ in files._waiting])


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("call", CALLS)
def test_a_file_whose_last_call_meets_an_earlier_error_is_dropped(call: str, tmp_path: Path) -> None:
    good, full = tmp_path / "good.parquet", tmp_path / "full.parquet"
    with pytest.raises(OSError, match="no space left"), BackgroundFiles() as files:  # noqa: PT012
        files.write(good, ROWS)
        work_off(files)
        assert len(list(tmp_path.iterdir())) == 1, "it was begun under a temporary name"
        files.write(full, ROWS)
        work_off(files)
        CALLS[call](files, good)
    assert list(tmp_path.iterdir()) == []
    assert files.finished == []


@pytest.mark.usefixtures("full_disk")
def test_what_was_finished_before_the_error_is_whole(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space left"), BackgroundFiles() as files:  # noqa: PT012
        files.write(tmp_path / "good.parquet", ROWS)
        files.finish(tmp_path / "good.parquet", {})
        files.write(tmp_path / "begun.parquet", ROWS)
        files.write(tmp_path / "full.parquet", ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["good.parquet"]
    assert files.finished == [tmp_path / "good.parquet"]
