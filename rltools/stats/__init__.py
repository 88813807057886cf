"""Statistics that know nothing of recordings: intervals over what was drawn, leads and ties, rank agreement by chance.

Imports `short_repr` alone. Every interval of the package is made in `_jackknife.py`, which is the file to read first;
`_leads.py` says which of several numbers is certainly the largest, `_ranks.py` what unrelated orders agree by chance.
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
