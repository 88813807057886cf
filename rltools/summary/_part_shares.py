"""How much each array of a Dict or Tuple observation carries, all its entries together."""

from __future__ import annotations

import numpy as np

from rltools.recording import Recording
from rltools.summary._estimates import Bootstrap
from rltools.summary._pooling import scores_of
from rltools.summary._summary import Ranked, Summary
from rltools.summary._sums import magnitudes


def part_shares(recording: Recording, summary: Summary, *, resamples: int = 2000, seed: int = 0) -> tuple[Ranked, ...]:
    """The share of each array in the importance of all, the largest first; nothing where there is only one array.

    The sum of the shares of its features, with an interval of its own: those of features do not add up.

    Args:
        recording: where from.
        summary: of one of its attributions, of targets of one score: others have no common unit.
        resamples: how often the episodes are drawn anew.
        seed: of these draws.
    """
    parts = recording.features_of(summary.key).parts
    if len(parts) < 2 or len(set(scores_of(summary.labels))) > 1:
        return ()
    groups = recording.question(summary.key).rows(recording.features_of(summary.key))
    of = np.array(
        [next(at for at, part in enumerate(parts) if part.start <= entries[0] < part.stop) for _, entries in groups]
    )
    sizes = magnitudes(recording, summary.key)
    sizes = sizes[sizes.sum(axis=1) > 0]
    if len(sizes) == 0:
        return ()
    by_part = np.stack([sizes[:, of == at].sum(axis=1) for at in range(len(parts))], axis=1)

    def shares(weights: np.ndarray) -> dict[str, np.ndarray]:
        totals = weights @ by_part
        return {"": totals / totals.sum(axis=1, keepdims=True)}

    found = Bootstrap(summary.level, resamples, seed).intervals(shares, len(by_part))[""]
    return tuple(
        Ranked(parts[at].leaf.name, int(at), float(found.value[at]), float(found.low[at]), float(found.high[at]))
        for at in np.argsort(-found.value, kind="stable")
    )
