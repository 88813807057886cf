"""The seal of a Parquet file: checksums of all its bytes, which Parquet itself has for its pages only.

A sealed file is `PAR1` and the pages, the seal, and the footer. Readers find the footer from the end and the pages by
their offsets from the beginning, and so skip the seal. Row counts, types and offsets are in the footer, which has a
checksum of its own: it can be trusted without reading the rows.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from rltools.errors import CorruptError

MAGIC = b"\x89RLSEAL1"
_SEAL = struct.Struct("<8sQII")
"""The magic, the file's size, and the checksums of the footer and of everything but the seal."""
_CHECKSUM = struct.Struct("<I")
"""The checksum of the seal itself."""
_LAST = struct.Struct("<I4s")
"""The end of a Parquet file: the length of its footer and `PAR1`, which count as parts of the footer here."""
_SIZE = _SEAL.size + _CHECKSUM.size
_BLOCK_BYTES = 1 << 20


class SealedFile:
    """A binary file for a Parquet writer, sealed when the writer is done."""

    def __init__(self, path: Path) -> None:
        """Open `path` for writing, replacing any file there."""
        self._file = path.open("w+b")
        self._checksum = 0

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

    def write(self, content: bytes | memoryview) -> int:
        """Append bytes."""
        self._checksum = zlib.crc32(content, self._checksum)
        return self._file.write(content)

    def flush(self) -> None:
        """Pass everything to the operating system."""
        self._file.flush()

    def seal(self) -> None:
        """Insert the seal before the footer of a file that is complete otherwise."""
        size = self._file.seek(0, os.SEEK_END)
        start = _footer_start(self._file, size)
        self._file.seek(start)
        footer = self._file.read()
        seal = _SEAL.pack(MAGIC, size + _SIZE, zlib.crc32(footer), self._checksum)
        self._file.seek(start)
        self._file.write(seal + _CHECKSUM.pack(zlib.crc32(seal)) + footer)

    def close(self) -> None:
        """Close the file, whether sealed or not."""
        self._file.close()


def check_seal(file: BinaryIO, *, rows: bool) -> bool:
    """Compare a file with its seal, and rewind it.

    Args:
        file: open for reading.
        rows: whether to check the rows too, which takes reading all of them, and not only the footer.

    Returns:
        Whether it has a seal; files of older versions have none.

    Raises:
        ValueError: it was changed after it was sealed.
    """
    size = file.seek(0, os.SEEK_END)
    start = _footer_start(file, size)
    file.seek(max(0, start - _SIZE))
    content = file.read(_SIZE)
    if not content.startswith(MAGIC):
        file.seek(0)
        return False
    seal, seal_checksum = content[: _SEAL.size], content[_SEAL.size :]
    if seal_checksum != _CHECKSUM.pack(zlib.crc32(seal)):
        raise ValueError("its seal is damaged")
    _, written, footer_checksum, checksum = _SEAL.unpack(seal)
    if size != written:
        raise ValueError(f"it has {size} bytes, and was written with {written}")
    footer = file.read()
    if zlib.crc32(footer) != footer_checksum:
        raise ValueError("its footer does not match its seal")
    if rows and zlib.crc32(footer, _checksum_of(file, start - _SIZE)) != checksum:
        raise ValueError("its rows do not match its seal")
    file.seek(0)
    return True


def _footer_start(file: BinaryIO, size: int) -> int:
    """The offset of a file's footer, by its last bytes, which may be anything in a damaged file."""
    file.seek(max(0, size - _LAST.size))
    last = file.read(_LAST.size)
    length = _LAST.unpack(last)[0] if len(last) == _LAST.size else 0
    return max(0, size - _LAST.size - length)


def _checksum_of(file: BinaryIO, end: int) -> int:
    """The checksum of a file's first bytes."""
    file.seek(0)
    checksum = 0
    while end and (block := file.read(min(_BLOCK_BYTES, end))):
        checksum = zlib.crc32(block, checksum)
        end -= len(block)
    return checksum


RECORDING, NUMBER, EPISODE_ROWS = "recording", "number", "episode_rows"
ATTRIBUTION_SPEC, REFERENCE_ROWS = "question", "reference_rows"
ABLATION, BATCH, VISITED_ROWS = "ablation", "batch", "visited_rows"
_BELONGS = {
    RECORDING: "it does not belong to the recording.json of this folder",
    NUMBER: "it holds episode {actual}, and its name says {expected}",
    EPISODE_ROWS: "it was not made from the rows of its episode's file",
    ATTRIBUTION_SPEC: "it does not belong to the attribution.json beside it",
    REFERENCE_ROWS: "it was not computed with the references in the reference.parquet beside it",
    ABLATION: "it does not belong to the ablation.json beside it",
    BATCH: "it holds batch {actual}, and its name says {expected}",
    VISITED_ROWS: "it was not made with the states in the visited.parquet beside it",
}


def check_identity(path: Path, metadata: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Check that a file is the one that belongs at its path; keys that either side lacks are skipped, for older files.

    Args:
        path: of the file.
        metadata: of the file.
        expected: the metadata that it should have by the files around it, by the keys above.

    Raises:
        CorruptError: it belongs elsewhere.
    """
    for name, value in expected.items():
        actual = metadata.get(name, "")
        if value and actual and value != actual:
            raise CorruptError(
                f"{path} is damaged ({_BELONGS[name].format(actual=actual, expected=value)}); move it back where it "
                f"came from, or delete it and run the command that makes it again"
            )


class DamagedFileWarning(UserWarning):
    """A file of a recording cannot be read; the others are used.

    Example:
        >>> import warnings
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> size = recording.episode_path(1).write_bytes(b"PAR1")
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     print([episode.outcome.number for episode in recording])
        [0, 2]
        >>> caught[0].category.__name__
        'DamagedFileWarning'
    """


def warn_of_damage(error: CorruptError, stacklevel: int = 3) -> None:
    """Warn of a damaged file, at the line that called the function that detected it; further up with a higher level."""
    warnings.warn(str(error), DamagedFileWarning, stacklevel=stacklevel)
