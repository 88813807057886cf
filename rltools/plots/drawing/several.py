"""Plots of one or of several recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rltools.errors import ArgumentError
from rltools.recording import Recording

Recordings = Recording | Sequence[Recording] | Mapping[str, Recording] | Mapping[int, Recording]


def recordings_by_label(recordings: Recordings) -> dict[str | int, Recording]:
    """Recordings by label: the keys of a mapping, else the names of the agents, or of the folders if agents repeat.

    Args:
        recordings: a recording (its label is ""), a sequence of recordings, or a mapping from labels.

    Raises:
        ArgumentError: there is no recording, or something that is not one.
    """
    if isinstance(recordings, Recording):
        return {"": recordings}
    source: Any = recordings
    if isinstance(source, Mapping):
        labeled = dict(source)
    elif isinstance(source, Sequence) and not isinstance(source, str):
        labeled = dict(zip(_labels(source), source, strict=True))
    else:
        labeled = {"": source}
    if not labeled:
        raise ArgumentError("there are no recordings to draw; give one, a list of them, or {label: recording}")
    for label, item in labeled.items():
        if not isinstance(item, Recording):
            named = f" at {label!r}" if label != "" else ""
            raise ArgumentError(
                f"a {type(item).__name__}{named} is not a recording; give recordings, as rltools.open_recording(path) "
                f"or rltools.record(...) return them, in a list or as {{label: recording}}"
            )
        if not isinstance(label, str | int):
            raise ArgumentError(
                f"the label {label!r} is a {type(label).__name__}; labels are texts, or numbers of steps"
            )
    return labeled


def _labels(recordings: Sequence[Any]) -> list[str]:
    """A label for each recording, all different."""
    checked = [item if isinstance(item, Recording) else None for item in recordings]
    agents = [str(index) if item is None else item.header.policy for index, item in enumerate(checked)]
    folders = [str(index) if item is None else item.directory.name for index, item in enumerate(checked)]
    for labels in (agents, folders):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{agent} {index + 1}" for index, agent in enumerate(agents)]
