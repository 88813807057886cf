"""Shows the episodes of a run: all returns as a strip of dots, and selected episodes as cards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.html import render
from rltools._util.text import capitalized, interval, number, plural
from rltools.errors import CorruptError
from rltools.pages.report._parts import Figure, drawn, part
from rltools.plots import filmstrip
from rltools.recording import Outcome, Recording, notable_episodes
from rltools.stats import FEWEST_REPORTED
from rltools.summary import Finding, Summary, beside_losses

if TYPE_CHECKING:
    from markupsafe import Markup

LEVELS = 4
"""Rows of dots; a dot that would cover another moves to the next row."""
TOUCHING = 1.5
"""Percent of the width within which dots overlap."""
EDGE = 2.0
"""Percent of the width at both ends, so that no dot runs out of the picture."""


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
        dots: one for each episode that did not end by a fault, unless more coincide than there are rows.
        mean: the mean of the returns.
        low: lower end of the interval of the mean; None without an interval.
        high: upper end of the interval of the mean; None without an interval.
        ends: the smallest and the largest return, as text.
        crowds: where more episodes coincide than there are rows, and how many.
    """

    dots: tuple[Dot, ...]
    mean: float
    low: float | None
    high: float | None
    ends: tuple[str, str]
    crowds: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class Card:
    """An episode worth a look.

    Attributes:
        place: "Best", "Median" or "Worst"; "" for another episode that has a replay, and if all returns are equal.
        outcome: the outcome of the episode; None for a replay that is not of an episode of this recording.
        strip: its filmstrip; None without one.
        file: the file of its replay, relative to the page; "" for none.
        name: the name of that file, without the ending.
    """

    place: str
    outcome: Outcome | None
    strip: Figure | None
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
        inside = (value - low) / (high - low)
        return round(EDGE + (100 - 2 * EDGE) * min(1.0, max(0.0, inside)), 2)

    dots: list[Dot] = []
    free = [-np.inf] * LEVELS
    crowds: dict[float, int] = {}
    for outcome in walked:
        x = position(outcome.total_reward)
        row = next((level for level in range(LEVELS) if x - free[level] >= TOUCHING), None)
        if row is None:
            crowds[max(free)] = crowds.get(max(free), LEVELS) + 1
            continue
        free[row] = x
        text = f"episode {outcome.number}: return {number(outcome.total_reward)}, {outcome.ended}"
        dots.append(Dot(x, row, f"{text} after {outcome.steps} steps", outcome.ended == "terminated"))
    returns = summary.returns
    without = np.isnan(returns.low) or len(walked) < FEWEST_REPORTED
    ends = [None, None] if without else [position(returns.low), position(returns.high)]
    return Strip(
        tuple(dots), position(returns.mean), ends[0], ends[1], (number(low), number(high)), tuple(crowds.items())
    )


def return_strip(returns: Strip | None, summary: Summary, finding: Finding | None) -> Markup:
    """The strip as HTML; without one, the mean return in words, which the finding has beside that of the losses."""
    from markupsafe import Markup

    mean = summary.returns
    ends = (mean.low, mean.high) if len(summary.outcomes) >= FEWEST_REPORTED else (math.nan, math.nan)
    beside = "" if finding is None else beside_losses(finding)
    numbers = {"mean": interval(mean.mean, *ends), "n": mean.n, "beside": beside}
    filled = render(part("strip.html"), strip=returns, plural=plural, **numbers)
    return Markup(filled)  # noqa: S704  the template escaped what it was given


def replay_files(recording: Recording, main: Summary) -> tuple[dict[int, str], dict[str, str]]:
    """The replays in the folder: those of episodes by their numbers, and all by their names."""
    folder = recording.directory / "replays"
    files = {path.stem: f"replays/{path.name}" for path in sorted(folder.glob("*.html"))}
    names = {outcome.number: f"episode-{outcome.number:06d}" for outcome in main.outcomes if outcome.steps}
    return {number: files[name] for number, name in names.items() if name in files}, files


def cards(recording: Recording, main: Summary) -> tuple[Card, ...]:
    """The best, the median and the worst episode, then the others that have a replay, and replays of other names."""
    by_number, files = replay_files(recording, main)
    places = {outcome.number: place for place, outcome in notable_episodes(main.outcomes).items()}
    outcomes = {outcome.number: outcome for outcome in main.outcomes}
    numbers = [*places, *(number for number in by_number if number not in places)]
    if len(numbers) > 1 and len({outcomes[number].total_reward for number in places}) == 1:
        places = {}  # none is better than another
    chosen = [
        Card(
            capitalized(places.get(number, "")),
            outcomes[number],
            _filmstrip(recording, main, number),
            by_number.get(number, ""),
            f"episode-{number:06d}",
        )
        for number in numbers
    ]
    others = [name for name, file in files.items() if file not in by_number.values()]
    return (*chosen, *(Card("", None, None, files[name], name) for name in others))


def _filmstrip(recording: Recording, main: Summary, number: int) -> Figure | None:
    """The frames of an episode with its attributions under them; None without explained steps, or if it is damaged."""
    if not main.n:
        return None
    draw = partial(filmstrip, recording, number, method=main.key, target=main.target)
    try:
        return drawn(draw, f"filmstrip-{number:06d}", "", recording.directory / "plots")
    except CorruptError:
        return None
