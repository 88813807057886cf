"""The default name of a run's folder, and temporary folders."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rltools._util.files import os_errors_as
from rltools._util.foreign_files import is_file, is_folder
from rltools.cards.content import content_path
from rltools.errors import RecordingError

if TYPE_CHECKING:
    from rltools.policies.base import Policy

RUNS = Path("runs")
DIGITS = 8
"""Digits of a sha256 in a name, so that models in folders of the same name get different ones."""

_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)\d)(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, which no file can have there, with any ending."""
LONGEST = 150
"""Characters of a name: file systems take 255 bytes, some of which suffixes and temporary names need."""


def run_name(source: Any, policy: Policy) -> str:
    """The name of a policy's run: the same for the same model, and different for any other.

    An agent with a card is named after it. A model's file or folder is named after its parent folder, itself and the
    first digits of its sha256, because many are called `best_model`: `ppo-LunarLander-v2_1-3f9a01c2`. A live model has
    no path, only a name and a sha256.

    Args:
        source: the argument of `load_policy`.
        policy: its result.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if content_path("agents", str(source)) or is_file(path / "agent.yaml"):
            return folder_name(policy.source.name)
        name = path.stem if path.suffix == ".zip" and not is_folder(path) else path.absolute().name
        parts = [path.absolute().parent.name, name]
    else:
        parts = [policy.source.name]
    return folder_name("-".join(filter(None, [*parts, policy.source.sha256[:DIGITS]])))


def folder_name(name: str) -> str:
    """Any text as the name of a folder."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "agent"
    return short_name(f"agent-{plain}" if _DEVICE.fullmatch(plain) else plain)


def short_name(name: str) -> str:
    """A name that a file system accepts: the end of a name that is too long is replaced by digits of its hash."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGITS]}"


def temporary_folder() -> tuple[Path, object]:
    """A temporary folder, and the object with whose last reference it is removed.

    Raises:
        RecordingError: there is no place for one.
    """
    with os_errors_as(Path("a temporary folder")):
        folder = Path(tempfile.mkdtemp(prefix="rltools-"))
    return folder, _Removed(folder)


class _Removed:
    """A temporary folder that is removed when nothing refers to its recording any more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Removed:
        """A copied recording shares the folder, which is removed with the last copy."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the folder may be gone when the pickle is read.

        Raises:
            RecordingError: always.
        """
        raise RecordingError(
            f"this recording is in a temporary folder, {self._folder}, which is removed with it, so that a pickle "
            f"of it would be empty; record(..., directory=...) keeps it, and rltools.open_recording opens it anywhere"
        )
