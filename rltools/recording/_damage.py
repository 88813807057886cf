"""Looking for damage in every file of a recording."""

from __future__ import annotations

from pathlib import Path

from rltools.errors import CorruptError
from rltools.recording._columns import read_blocks
from rltools.recording._episode import read_outcome
from rltools.recording._explained import read_question
from rltools.recording._files import numbered, numbered_path

BLOCK_ROWS = 1024


def damage_in(directory: Path) -> dict[Path, str]:
    """Every file of a recording that cannot be read, and why; what a writer has not finished is no part of it."""
    found = {}
    for room in (directory / "episodes", directory / "frames", *sorted(directory.glob("attributions/*/"))):
        files = [numbered_path(room, number) for number in numbered(room)]
        extra = [room / name for name in ("attribution.json", "reference.parquet")]
        for path in [*files, *(path for path in extra if path.is_file())]:
            try:
                _read(path)
            except CorruptError as error:
                found[path] = str(error)
    return found


def _read(path: Path) -> None:
    """Read a whole file, block by block: an episode need not fit into memory."""
    if path.suffix == ".json":
        read_question(path)
        return
    for _ in read_blocks(path, None, BLOCK_ROWS):
        pass
    if path.parent.name == "episodes":
        read_outcome(path)
