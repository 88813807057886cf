"""Summarizes every attribution of a recording that pages and tables compare."""

from __future__ import annotations

from rltools.attributions import is_control
from rltools.recording import Recording
from rltools.summary._summarize import summarize
from rltools.summary._summary import Summary


def explained_by(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of a recording, without windows: attributions of past observations have other features."""
    specs = (spec for key, spec in recording.specs.items() if not spec.window and recording.is_complete(key))
    return list(dict.fromkeys((spec.method, spec.target) for spec in specs))


def summarize_every(recording: Recording) -> tuple[Summary, ...]:
    """A summary of each complete attribution of a recording without a window, those of the controls last.

    Those of the same method and target differ in `Summary.apart`.
    """
    keys = [key for key, spec in recording.specs.items() if not spec.window and recording.is_complete(key)]
    summaries = [summarize(recording, method=key) for key in keys]
    return tuple(sorted(summaries, key=lambda summary: is_control(summary.unit)))
