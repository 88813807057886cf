"""Some episodes that stand for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from rltools.errors import ArgumentError
from rltools.recording import Outcome

Sorting = Literal["return", "number"]


def spread_outcomes(outcomes: Sequence[Outcome], most: int, by: Sorting) -> list[Outcome]:
    """At most so many episodes that have steps: the best first and evenly spread by return, or the first by number.

    The best and the worst are always among those spread by return.

    Raises:
        ArgumentError: another order.
    """
    if by not in get_args(Sorting):
        raise ArgumentError(f"by={by!r} is none of {', '.join(get_args(Sorting))}")
    walked = [outcome for outcome in outcomes if outcome.steps]
    if by == "number":
        return sorted(walked, key=lambda outcome: outcome.number)[:most]
    walked.sort(key=lambda outcome: (-outcome.total_reward, outcome.number))
    places = np.linspace(0, len(walked) - 1, min(most, len(walked))).round().astype(int)
    return [walked[at] for at in places]


def median_episode(outcomes: Sequence[Outcome]) -> int | None:
    """The number of the episode of median return, of the better one where there are two; None without steps."""
    walked = sorted((outcome.total_reward, outcome.number) for outcome in outcomes if outcome.steps)
    return walked[len(walked) // 2][1] if walked else None
