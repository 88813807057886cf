"""The figures of an experiment: runs side by side, and methods beside the controls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from rltools import plots
from rltools.recording import Recording
from rltools.reports._answers import MOST_NAMED
from rltools.reports._figures import Figure, drawn
from rltools.summary import is_control

Runs = Mapping[tuple[str, int], Recording]


def asked_of_now(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets, of attributions of the moment: those of past observations have other features."""
    asked = (
        question for key, question in recording.questions.items() if not question.window and recording.complete(key)
    )
    return list(dict.fromkeys((question.method, question.target) for question in asked))


def compared_figures(runs: Runs, labels: dict[tuple[str, int], str], folder: Path) -> list[Figure]:
    """The runs side by side, a figure for each method and target that all of them have; then the controls' figures."""
    together = {labels[run]: recording for run, recording in runs.items()}
    asked = [set(asked_of_now(recording)) - set(_controls(recording)) for recording in runs.values()]
    drawings = [
        drawn(
            partial(plots.importance, together, method=method, target=target),
            f"importance-{_slug(method, target)}",
            f"How much of the decision each feature carries, by {method} of {target}; the lines are 95 % intervals "
            f"over episodes and what was drawn for all of them.",
            folder,
        )
        for method, target in sorted(set.intersection(*asked))
    ]
    for run, recording in list(runs.items())[:MOST_NAMED]:
        drawings += _beside_controls(labels[run], recording, folder)
    return drawings


def _beside_controls(label: str, recording: Recording, folder: Path) -> Iterator[Figure]:
    """All methods of a run with the controls, a figure for each target that controls were asked about."""
    controls = _controls(recording)
    for target in dict.fromkeys(target for _, target in controls):
        known = [method for method, of in controls if of == target]
        methods = [method for method, of in asked_of_now(recording) if of == target and method not in known]
        yield drawn(
            partial(plots.importance, recording, method=[*methods, *known], target=target),
            f"controls-{_slug(label, target)}",
            f"{label}, {target}: the methods beside the controls {' and '.join(known)}, which know nothing of the "
            f"agent. Of a control only the order of the features means anything, and a method with the same order has "
            f"found nothing.",
            folder,
        )


def _controls(recording: Recording) -> list[tuple[str, str]]:
    """Methods and targets of those that know nothing of the agent."""
    units = {(question.method, question.target): question.unit for question in recording.questions.values()}
    return [asked for asked in asked_of_now(recording) if is_control(units[asked])]


def _slug(*parts: str) -> str:
    return "-".join(word for part in parts for word in re.findall(r"\w+", part))
