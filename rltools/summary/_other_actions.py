"""How far the actions of a data set are from those that the explained policy would take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording.parquet import read_columns
from rltools.summary.caveats import Caveat


def other_actions(recording: Recording) -> Iterator[Caveat]:
    """The caveat of a recording of a data set: its actions and returns are not those of the policy; else nothing.

    For discrete actions it counts the steps at which the policy would choose another one. For continuous ones, which
    are never exactly the same, it has the mean distance, in multiples of the std of the recorded actions.
    """
    header = recording.header
    if not header.data:
        return
    pairs = list(_pairs(recording))
    steps = sum(len(actions) for actions, _ in pairs)
    if header.branches:
        n = sum(int((actions != choices).any(axis=1).sum()) for actions, choices in pairs)
        yield Caveat("data", n, steps, (header.policy,), share=n / max(1, steps), text=header.data)
        return
    distances = [np.abs(actions - choices).mean(axis=0) * len(actions) for actions, choices in pairs]
    std = np.concatenate([actions for actions, _ in pairs]).std(axis=0) if steps else np.zeros(1)
    varied = std > 0
    distance = float((sum(distances)[varied] / steps / std[varied]).mean()) if varied.any() else 0.0
    yield Caveat("data_continuous", 0, steps, (header.policy,), share=distance, text=header.data)


def _pairs(recording: Recording) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The actions `[step, element]` of each readable episode, and what the policy would have done."""
    for number in recording.numbers:
        try:
            columns = read_columns(recording.episode_path(number), ("action", "choice"))
        except CorruptError:  # named in a warning where the episode is summarized
            continue
        actions, choices = (columns[name].reshape(len(columns[name]), -1) for name in ("action", "choice"))
        if len(actions):
            yield actions, choices
