"""The seal of a Parquet file: checksums of all its bytes, which Parquet itself has for its pages only.

A sealed file is `PAR1` and the pages, the seal, and the footer. Readers find the footer from the end and the pages by
their offsets from the beginning, so that to them the seal is space between. Row counts, types and offsets are in the
footer, which has a checksum of its own: it can be trusted without reading the rows.
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
"""Of the seal itself."""
_LAST = struct.Struct("<I4s")
"""A Parquet file ends with the length of its footer and `PAR1`; here they count as parts of the footer."""
_SIZE = _SEAL.size + _CHECKSUM.size
_AT_ONCE = 1 << 20


class SealedFile:
    """A binary file for a Parquet writer, sealed when the writer has ended it."""

    def __init__(self, path: Path) -> None:
        """Begin the file at `path`, in place of one that is there."""
        self._file = path.open("w+b")
        self._checksum = 0

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._file.closed

    def write(self, content: bytes | memoryview) -> int:
        """Append bytes."""
        self._checksum = zlib.crc32(content, self._checksum)
        return self._file.write(content)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def seal(self) -> None:
        """Put the seal before the footer of a file that is whole otherwise."""
        size = self._file.seek(0, os.SEEK_END)
        start = _footer_start(self._file, size)
        self._file.seek(start)
        footer = self._file.read()
        seal = _SEAL.pack(MAGIC, size + _SIZE, zlib.crc32(footer), self._checksum)
        self._file.seek(start)
        self._file.write(seal + _CHECKSUM.pack(zlib.crc32(seal)) + footer)

    def close(self) -> None:
        """Close it, whether sealed or not."""
        self._file.close()


def check_seal(file: BinaryIO, *, whole: bool) -> bool:
    """Compare a file with its seal, and leave it at its beginning.

    Args:
        file: open for reading.
        whole: also its rows; otherwise what its footer says of them, which is soon read.

    Returns:
        Whether it has a seal; files that older versions wrote have none.

    Raises:
        ValueError: it is not as it was sealed.
    """
    size = file.seek(0, os.SEEK_END)
    start = _footer_start(file, size)
    file.seek(max(0, start - _SIZE))
    kept = file.read(_SIZE)
    if not kept.startswith(MAGIC):
        file.seek(0)
        return False
    seal, of_seal = kept[: _SEAL.size], kept[_SEAL.size :]
    if of_seal != _CHECKSUM.pack(zlib.crc32(seal)):
        raise ValueError("its seal is damaged")
    _, written, of_footer, of_all = _SEAL.unpack(seal)
    if size != written:
        raise ValueError(f"it has {size} bytes, and was written with {written}")
    footer = file.read()
    if zlib.crc32(footer) != of_footer:
        raise ValueError("what it says about its rows does not fit its seal")
    if whole and zlib.crc32(footer, _checksum_of(file, start - _SIZE)) != of_all:
        raise ValueError("its rows do not fit its seal")
    file.seek(0)
    return True


def _footer_start(file: BinaryIO, size: int) -> int:
    """Where a file's footer begins, as its last bytes say; they may be anything in a damaged one."""
    file.seek(max(0, size - _LAST.size))
    last = file.read(_LAST.size)
    length = _LAST.unpack(last)[0] if len(last) == _LAST.size else 0
    return max(0, size - _LAST.size - length)


def _checksum_of(file: BinaryIO, end: int) -> int:
    """Of a file's first bytes."""
    file.seek(0)
    checksum = 0
    while end and (block := file.read(min(_AT_ONCE, end))):
        checksum = zlib.crc32(block, checksum)
        end -= len(block)
    return checksum


RECORDING, NUMBER, EPISODE_ROWS = "recording", "number", "episode_rows"
ATTRIBUTION_SPEC, REFERENCE_ROWS = "question", "reference_rows"
_BELONGS = {
    RECORDING: "it is of another recording than the recording.json of this folder",
    NUMBER: "it is of episode {there}, and its name says {here}",
    EPISODE_ROWS: "it was made of other rows than those of its episode's file",
    ATTRIBUTION_SPEC: "it answers another question than the attribution.json beside it",
    REFERENCE_ROWS: "it compares with other states than those in the reference.parquet beside it",
}


def check_identity(path: Path, metadata: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """A file is the one that is expected at its place; what either does not say, as older ones do not, is passed over.

    Args:
        path: of the file.
        metadata: that it has.
        expected: what the files around it say it should have, by the keys above.

    Raises:
        CorruptError: it belongs somewhere else.
    """
    for name, here in expected.items():
        there = metadata.get(name, "")
        if here and there and here != there:
            raise CorruptError(
                f"{path} is damaged ({_BELONGS[name].format(there=there, here=here)}); put it back where it came from. "
                f"Once it is deleted here, the command that makes this file makes it anew"
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


def name_damage(error: CorruptError, stacklevel: int = 3) -> None:
    """Warn of a damaged file, at the line that called the function that found it; of more with a higher level."""
    warnings.warn(str(error), DamagedFileWarning, stacklevel=stacklevel)
