"""One recording, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rltools.errors import ArgumentError
from rltools.recording import Recording

Recordings = Recording | Sequence[Recording] | Mapping[str, Recording] | Mapping[int, Recording]


def by_label(recordings: Recordings) -> dict[str | int, Recording]:
    """Recordings by their label: that of a mapping; else their agents' names, or those of their folders.

    Args:
        recordings: one, whose label is "", a sequence of them, or a mapping from labels.

    Raises:
        ArgumentError: there is none, or something else is among them.
    """
    if isinstance(recordings, Recording):
        return {"": recordings}
    found: Any = recordings
    if isinstance(found, Mapping):
        several = dict(found)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        several = dict(zip(_labels(found), found, strict=True))
    else:
        several = {"": found}
    if not several:
        raise ArgumentError("there are no recordings to draw; give one, a list of them, or {label: recording}")
    for label, one in several.items():
        if not isinstance(one, Recording):
            named = f" at {label!r}" if label != "" else ""
            raise ArgumentError(
                f"a {type(one).__name__}{named} is not a recording; give recordings, as rltools.open_recording(path) "
                f"or rltools.record(...) return them, in a list or as {{label: recording}}"
            )
        if not isinstance(label, str | int):
            raise ArgumentError(
                f"the label {label!r} is a {type(label).__name__}; labels are texts, or numbers of steps"
            )
    return several


def _labels(recordings: Sequence[Any]) -> list[str]:
    """Labels that differ."""
    known = [one if isinstance(one, Recording) else None for one in recordings]
    agents = [str(at) if one is None else one.header.policy for at, one in enumerate(known)]
    folders = [str(at) if one is None else one.directory.name for at, one in enumerate(known)]
    for labels in (agents, folders):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{agent} {1 + at}" for at, agent in enumerate(agents)]
