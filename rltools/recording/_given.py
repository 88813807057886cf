"""What a public function was given as a recording, or as a place for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rltools.errors import ArgumentError
from rltools.recording._recording import Recording


def check_recording(given: Any) -> None:
    """Refuse what is no recording.

    Raises:
        ArgumentError: it is not.

    >>> check_recording("runs/poles")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: a str ('runs/poles') is no recording; open it first: ...
    """
    if isinstance(given, Recording):
        return
    if isinstance(given, str | Path):
        name = str(given)[:200]
        raise ArgumentError(
            f"a {type(given).__name__} ({name!r}) is no recording; open it first: rltools.open_recording({name!r})"
        )
    raise ArgumentError(
        f"a {type(given).__name__} is no recording; give one, as rltools.open_recording(path) or rltools.record(...) "
        f"return it"
    )


def as_path(given: Any, what: str) -> Path:
    """A path that was given for something.

    Args:
        given: a text or a path.
        what: it is of, for the message.

    Raises:
        ArgumentError: something else.

    >>> as_path(3, "the folder of a recording")
    Traceback (most recent call last):
    rltools.errors.ArgumentError: the folder of a recording is a path, a text or a pathlib.Path, not 3, a int
    """
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, Recording):
        raise ArgumentError(f"{what} is a path, and a Recording was given, which is open already; use it as it is")
    try:
        name = given.__fspath__()
    except Exception:
        name = None
    if isinstance(name, str):
        return Path(name)
    raise ArgumentError(f"{what} is a path, a text or a pathlib.Path, not {given!r:.80}, a {type(given).__name__}")
