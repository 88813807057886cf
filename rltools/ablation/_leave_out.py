"""Searches the largest set of players that can be hidden together for less than a part of the return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil

import numpy as np

from rltools.ablation._certificate import excess_loss
from rltools.ablation._losses import Losses

FRESH = 100_000
"""The number of the first seed of a certificate; searches use smaller ones."""
FEWEST_FRESH = 64
FIRST_BATCH, FUTILE, MOST_SEARCHED, LAST_CHECK = 8, 16, 32, 64
"""A set may fail at 8 seeds if its loss is certain, and from 16 on if it is likelier above what is allowed; it may pass
at 32 at the earliest, because a rare disaster does not show at 8, and the last set has to pass at 64."""
MOST_FAILURES = 3
"""So many players in a row that cannot be hidden in addition end the search: those after them lose more alone."""
POWER_QUANTILE = 1.645 + 1.282
"""Standard errors between the expected loss and the allowed one for a bound that holds in 90 % of certificates."""

Measure = Callable[[Sequence[tuple[int, ...]], Sequence[int]], None]
"""Runs episodes: conditions as hidden players, and the numbers of the seeds."""
Returns = Callable[[tuple[int, ...]], Mapping[int, float]]


def search(losses: Losses, measure: Measure, returns: Returns, part: float) -> tuple[int, ...]:
    """The players that can be hidden together, by backward elimination with racing.

    The players are tried in the order of their losses, the smallest first: at first as many of them together as
    possible, by bisection, then each of the others in addition, until three in a row fail. A set is tested at more and
    more seeds until its loss is certainly below or above the allowed part; one that is undecided at the last counts as
    above.

    Args:
        losses: of each player alone.
        measure: runs episodes.
        returns: from the hidden players to the returns by the number of the seed.
        part: of the return that may be lost.

    Returns:
        Positions of players, ascending; empty if none can be hidden.
    """
    order = [int(player) for player in losses.order[::-1] if losses.seeds[player]]
    allowed = part * abs(float(losses.baseline.value))
    hopeful = [player for player in order if not losses.interval.low[player] > allowed]

    def passes(hidden: Sequence[int]) -> bool:
        return _passes(tuple(sorted(hidden)), measure, returns, part)

    least, most = 0, len(hopeful)
    while least < most:  # the longest beginning that passes; usually losses grow along the order
        middle = (least + most + 1) // 2
        if passes(hopeful[:middle]):
            least = middle
        else:
            most = middle - 1
    hidden = hopeful[:least]
    failures = 0
    for player in hopeful[least + 1 :]:
        if failures == MOST_FAILURES:
            break
        if passes([*hidden, player]):
            hidden.append(player)
            failures = 0
        else:
            failures += 1
    # Of many sets that were tried, the one that passed was lucky too: it has to pass once more, with all seeds.
    while hidden and not _passes(tuple(sorted(hidden)), measure, returns, part, LAST_CHECK):
        hidden.pop()
    return tuple(sorted(hidden))


def _passes(
    hidden: tuple[int, ...], measure: Measure, returns: Returns, part: float, seeds: int = MOST_SEARCHED
) -> bool:
    """Whether hiding these players certainly loses less than the allowed part."""
    count = FIRST_BATCH
    while True:
        measure([(), hidden], range(count))
        baseline, without = returns(()), returns(hidden)
        numbers = [number for number in sorted(without) if number in baseline and number < FRESH]
        interval = excess_loss(baseline, without, numbers, part).interval(0.9)
        if interval.high <= 0 and count >= seeds:
            return True
        futile = interval.value > 0 and count >= FUTILE
        if interval.low > 0 or futile or count >= seeds:
            return False
        count *= 2


def fresh_seeds(hidden: tuple[int, ...], returns: Returns, part: float, most: int) -> range:
    """The seeds of the certificate: as many as will probably do, judged by the search, and none that it has seen."""
    baseline, without = returns(()), returns(hidden)
    numbers = [number for number in sorted(without) if number in baseline and number < FRESH]
    if not numbers:  # every episode without them ended by a fault
        return range(FRESH, FRESH + FEWEST_FRESH)
    pairs = np.array([[baseline[number], without[number]] for number in numbers])
    losses = pairs[:, 0] - pairs[:, 1]
    spread = losses.std(ddof=1) if len(losses) > 1 else 0.0
    # A search picks what looks best, so that the loss is expected a standard error above what it saw.
    room = part * abs(pairs[:, 0].mean()) - losses.mean() - spread / np.sqrt(len(losses))
    # A set that does not pass needs few seeds to show it.
    wanted = ceil((POWER_QUANTILE * spread / room) ** 2) if room > 0 else FEWEST_FRESH
    return range(FRESH, FRESH + min(max(wanted, FEWEST_FRESH), max(most, FEWEST_FRESH)))
