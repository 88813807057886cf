"""Finds the steps at which an attribution of each feature is extreme, so that a number can lead to its step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rltools.recording import Recording
from rltools.recording.batches import explained_episodes
from rltools.summary import Summary
from rltools.summary.episodes import steps_of


@dataclass(frozen=True)
class StepLink:
    """A step of an episode that a page can show.

    Attributes:
        episode: the number of the episode.
        step: the position of the step in it.
        file: the file of the episode's replay, relative to the page; "" if there is none.
        value: the attribution at the step.
    """

    episode: int
    step: int
    file: str
    value: float


@dataclass(frozen=True)
class Extremes:
    """The extreme steps of one feature; None where it has no attribution of that sign.

    Attributes:
        highest: of its largest positive attribution.
        lowest: of its largest negative attribution.
        example: of its largest magnitude, in an episode with a replay if there is one.
    """

    highest: StepLink | None
    lowest: StepLink | None
    example: StepLink | None


def extremes(recording: Recording, summary: Summary, replays: Mapping[int, str]) -> tuple[Extremes, ...]:
    """The extreme steps of each feature of a summary, over its targets together; the first of equal ones.

    Args:
        recording: the recording of the summary.
        summary: the summary.
        replays: the files of replays by the numbers of their episodes.
    """
    count = len(summary.features)
    best_links: list[dict[str, StepLink]] = [{} for _ in range(count)]
    groups = recording.rows(summary.key)
    for episode, attribution in explained_episodes(recording, summary.key):
        outcome = episode.outcome
        if not outcome.steps:
            continue
        for label in range(len(summary.labels)):
            steps = steps_of(
                recording, summary.key, episode, attribution, label=label, scale=summary.std, groups=groups
            )
            values = np.where(np.isfinite(steps.attributions), steps.attributions, 0.0)
            file = replays.get(outcome.number, "")
            for feature in range(min(count, values.shape[1])):
                column = values[:, feature]
                ends = {"highest": int(column.argmax()), "lowest": int(column.argmin())}
                ends["example"] = int(np.abs(column).argmax())
                for name, step in ends.items():
                    link = StepLink(outcome.number, step, file, float(column[step]))
                    if _is_better(name, link, best_links[feature].get(name)):
                        best_links[feature][name] = link
    return tuple(Extremes(each.get("highest"), each.get("lowest"), each.get("example")) for each in best_links)


def _is_better(name: str, link: StepLink, best: StepLink | None) -> bool:
    if name == "highest":
        return link.value > (best.value if best else 0.0)
    if name == "lowest":
        return link.value < (best.value if best else 0.0)
    if best is None:
        return link.value != 0
    return (bool(link.file), abs(link.value)) > (bool(best.file), abs(best.value)) and link.value != 0
