"""What each file of a recording says of where it belongs, so that no other can stand in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rltools.errors import CorruptError

RECORDING, NUMBER, EPISODE_ROWS = "recording", "number", "episode_rows"
QUESTION, REFERENCE_ROWS = "question", "reference_rows"
_BELONGS = {
    RECORDING: "it is of another recording than the recording.json of this folder",
    NUMBER: "it is of episode {there}, and its name says {here}",
    EPISODE_ROWS: "it was made of other rows than those of its episode's file",
    QUESTION: "it answers another question than the attribution.json beside it",
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
