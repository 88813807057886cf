"""Statistics that know nothing of recordings: intervals, leads and ties, rank agreement by chance, concordance.

Imports `errors` and `_util` alone. Intervals are made in `_intervals.py`, which is the file to read first, and those of
shares of successes in `_binomial.py`; `_leads.py` says which of several numbers is certainly the largest,
`_rank_agreement.py` how alike orders are, `_concordance.py` how well an order agrees with measured losses, and
`_trainings.py` pools several trainings.
"""

from rltools.stats._binomial import binomial
from rltools.stats._concordance import (
    RESOLVED,
    captured_loss,
    joint,
    loss_concordance,
    ordered_right,
    resolved_pairs,
)
from rltools.stats._intervals import (
    FEWEST_REPORTED,
    Interval,
    Jackknife,
    Kind,
    Named,
    across,
    fewest_alike,
    jackknife,
)
from rltools.stats._leads import Standing, standing
from rltools.stats._rank_agreement import (
    FEWEST_RANKED,
    EpisodeRanks,
    chance,
    episode_ranks,
    normalized_ranks,
    rank_agreement,
)
from rltools.stats._trainings import interquartile_mean

__all__ = [
    "FEWEST_RANKED",
    "FEWEST_REPORTED",
    "RESOLVED",
    "EpisodeRanks",
    "Interval",
    "Jackknife",
    "Kind",
    "Named",
    "Standing",
    "across",
    "binomial",
    "captured_loss",
    "chance",
    "episode_ranks",
    "fewest_alike",
    "interquartile_mean",
    "jackknife",
    "joint",
    "loss_concordance",
    "normalized_ranks",
    "ordered_right",
    "rank_agreement",
    "resolved_pairs",
    "standing",
]
