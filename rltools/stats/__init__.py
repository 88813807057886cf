"""Statistics that know nothing of recordings: intervals, leads and ties, rank agreement by chance.

Read `_intervals.py` first, where every interval of the package is computed; `_leads.py` tells which of several numbers
is certainly the largest, `_rank_agreement.py` how much unrelated orders agree by chance. Imports `_util` alone.
"""

from rltools.stats._intervals import Interval, Jackknife, Kind, Named, across, jackknife
from rltools.stats._leads import Standing, standing
from rltools.stats._rank_agreement import chance, normalized_ranks

__all__ = [
    "Interval",
    "Jackknife",
    "Kind",
    "Named",
    "Standing",
    "across",
    "chance",
    "jackknife",
    "normalized_ranks",
    "standing",
]
