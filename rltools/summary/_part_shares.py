"""How much each array of a Dict or Tuple observation carries, all its entries together."""

from __future__ import annotations

import numpy as np

from rltools.recording import Recording
from rltools.summary._summarize import scores_of
from rltools.summary._summary import Ranked, Summary
from rltools.summary._sums import magnitudes


def part_shares(recording: Recording, summary: Summary) -> tuple[Ranked, ...]:
    """The share of each array in the importance of all, the largest first; nothing where there is only one array.

    The sum of the shares of its features, with an interval of its own: those of features do not add up.

    Args:
        recording: where from.
        summary: of one of its attributions, of targets of one score: others have no common unit.
    """
    parts = recording.features_of(summary.key).parts
    if len(parts) < 2 or len(set(scores_of(summary.labels))) > 1:
        return ()
    groups = recording.spec(summary.key).rows(recording.features_of(summary.key))
    of = np.array(
        [next(at for at, part in enumerate(parts) if part.start <= entries[0] < part.stop) for _, entries in groups]
    )
    sizes = magnitudes(recording, summary.key).mattering()
    if len(sizes.sizes) == 0:
        return ()

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        by_part = np.stack([totals[:, of == at].sum(axis=1) for at in range(len(parts))], axis=1)
        return {"": by_part / by_part.sum(axis=1, keepdims=True)}

    found = sizes.drawn(shares)[""].interval(summary.level, "share")
    return tuple(
        Ranked(parts[at].leaf.name, int(at), float(found.value[at]), float(found.low[at]), float(found.high[at]))
        for at in np.argsort(-found.value, kind="stable")
    )
