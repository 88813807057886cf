"""Statistics that know nothing of recordings: intervals, leads and ties, rank agreement by chance.

Imports `errors` and `_util` alone. Intervals are made in `_intervals.py`, which is the file to read first, and those of
shares of successes in `_binomial.py`; `_leads.py` says which of several numbers is certainly the largest,
`_rank_agreement.py` how alike orders are.
"""

from rltools.stats._binomial import binomial
from rltools.stats._intervals import Interval, Jackknife, Kind, Named, across, fewest_alike, jackknife
from rltools.stats._leads import Standing, standing
from rltools.stats._rank_agreement import (
    FEWEST_RANKED,
    EpisodeRanks,
    chance,
    episode_ranks,
    normalized_ranks,
    rank_agreement,
)

__all__ = [
    "FEWEST_RANKED",
    "EpisodeRanks",
    "Interval",
    "Jackknife",
    "Kind",
    "Named",
    "Standing",
    "across",
    "binomial",
    "chance",
    "episode_ranks",
    "fewest_alike",
    "jackknife",
    "normalized_ranks",
    "rank_agreement",
    "standing",
]
