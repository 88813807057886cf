"""Shows the episodes of a run: all returns as a strip of dots, and selected episodes as cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.html import image_data_url
from rltools._util.text import capitalized, number
from rltools.errors import CorruptError
from rltools.recording import Outcome, Recording, notable_episodes
from rltools.summary import Summary, episode_steps

LEVELS = 4
"""Rows of dots; a dot that would cover another moves to the next row."""
TOUCHING = 1.5
"""Percent of the width within which dots overlap."""


@dataclass(frozen=True)
class Dot:
    """An episode in the strip: percent from the left, its row, its tooltip, and whether it was terminated."""

    x: float
    row: int
    text: str
    terminated: bool


@dataclass(frozen=True)
class Strip:
    """Returns on one scale, in percent of its width.

    Attributes:
        dots: one for each episode that did not end by a fault.
        mean: the mean of the returns.
        low: lower end of the interval of the mean; None without an interval.
        high: upper end of the interval of the mean; None without an interval.
        ends: the smallest and the largest return, as text.
    """

    dots: tuple[Dot, ...]
    mean: float
    low: float | None
    high: float | None
    ends: tuple[str, str]


@dataclass(frozen=True)
class Card:
    """An episode worth a look.

    Attributes:
        place: "Best", "Median" or "Worst"; "" for another episode that has a replay.
        outcome: the outcome of the episode; None for a replay that is not of an episode of this recording.
        poster: a data URI with a frame; "" for none.
        moment: the step of the frame.
        file: the file of its replay, relative to the page; "" for none.
        name: the name of that file, without the ending.
    """

    place: str
    outcome: Outcome | None
    poster: str
    moment: int
    file: str
    name: str


def strip(outcomes: Sequence[Outcome], summary: Summary) -> Strip | None:
    """The returns as a strip; None if all are equal."""
    walked = sorted(
        (outcome for outcome in outcomes if outcome.ended != "fault"), key=lambda outcome: outcome.total_reward
    )
    if not walked or not np.isfinite([outcome.total_reward for outcome in walked]).all():
        return None
    low, high = walked[0].total_reward, walked[-1].total_reward
    if low == high:
        return None

    def position(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    dots: list[Dot] = []
    free = [-np.inf] * LEVELS
    for outcome in walked:
        x = position(outcome.total_reward)
        row = next((level for level in range(LEVELS) if x - free[level] >= TOUCHING), len(dots) % LEVELS)
        free[row] = x
        text = f"episode {outcome.number}: return {number(outcome.total_reward)}, {outcome.ended}"
        dots.append(Dot(x, row, f"{text} after {outcome.steps} steps", outcome.ended == "terminated"))
    returns = summary.returns
    ends = [None, None] if np.isnan(returns.low) else [position(returns.low), position(returns.high)]
    return Strip(tuple(dots), position(returns.mean), ends[0], ends[1], (number(low), number(high)))


def cards(recording: Recording, main: Summary) -> tuple[Card, ...]:
    """The best, the median and the worst episode, then the others that have a replay, and replays of other names."""
    folder = recording.directory / "replays"
    files = {path.stem: f"replays/{path.name}" for path in sorted(folder.glob("*.html"))}
    notable = notable_episodes(main.outcomes)
    chosen = [_card(recording, main, capitalized(place), outcome, files) for place, outcome in notable.items()]
    linked = {card.name for card in chosen if card.file}
    by_name = {f"episode-{outcome.number:06d}": outcome for outcome in main.outcomes if outcome.steps}
    for name, file in files.items():
        if name not in linked:
            outcome = by_name.get(name)
            chosen.append(_card(recording, main, "", outcome, files) if outcome else Card("", None, "", 0, file, name))
    return tuple(chosen)


def _card(recording: Recording, main: Summary, place: str, outcome: Outcome, files: dict[str, str]) -> Card:
    name = f"episode-{outcome.number:06d}"
    poster, moment = _poster(recording, main, outcome)
    return Card(place, outcome, poster, moment, files.get(name, ""), name)


def _poster(recording: Recording, main: Summary, outcome: Outcome) -> tuple[str, int]:
    """The frame of the step at which the features together mattered most."""
    try:
        frames = recording.frames(outcome.number)
        if not frames or not main.n:
            return "", 0
        steps = episode_steps(recording, main.key, outcome.number, scale=main.std)
    except CorruptError:
        return "", 0
    strength = np.nan_to_num(np.abs(steps.attributions).sum(axis=1))
    step = min(int(strength.argmax()), len(frames) - 1)
    return image_data_url(bytes(frames[step]), "webp"), step
