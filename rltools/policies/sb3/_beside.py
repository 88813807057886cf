"""Files that lie beside a model and were found there, not given."""

from __future__ import annotations

import os
from pathlib import Path

from rltools.errors import UnsafeFileError
from rltools.foreign_files import is_folder, is_there


def is_beside(path: Path) -> bool:
    """Whether this is no folder, and there: a pipe, a device or a link is to be refused, not passed over."""
    return is_there(path) and (not is_folder(path) or path.is_symlink())


def inside(path: Path, model: Path) -> Path:
    """A path beside a model, where it is no link that leads away from there.

    Raises:
        UnsafeFileError: it is one.
    """
    folder = model.parent
    # A hub's cache keeps files in `blobs` and links to them in `snapshots/<revision>`.
    allowed = (folder, folder.parent.parent / "blobs") if folder.parent.name == "snapshots" else (folder,)
    target = Path(os.path.realpath(path))  # which also takes links that go round in circles
    if not any(target.is_relative_to(os.path.realpath(place)) for place in allowed):
        raise UnsafeFileError(
            f"{path} is a link to {target}, away from the model it lies beside; not read. Put the file itself there"
        )
    return path
