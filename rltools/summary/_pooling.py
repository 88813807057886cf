"""Shares over several targets together, where their scores differ in unit and size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rltools.summary._estimates import Statistics, estimate
from rltools.summary._sums import Sums


def scores_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The score of each target by its label, which is what it is a number of.

    >>> scores_of(("centred:left", "centred[1]:right", "value"))
    ('centred', 'centred', 'value')
    """
    return tuple(re.split(r"[\[:]", label, maxsplit=1)[0] for label in labels)


def estimate_alike(sums: Sums, category: int, level: float, unit: str, labels: Sequence[str]) -> Statistics:
    """`estimate`, where no score counts for more because its numbers are larger.

    Targets of one score are pooled as they are. Of several scores, say `centred:chosen & value`, the share over all
    targets together is the mean of the shares in each score, but for scores with attributions of 0 only. How large a
    score's attributions are in all is taken as known when intervals are made.
    """
    found = estimate(sums, category, level, unit)
    scores = scores_of(labels)
    if len(set(scores)) < 2:
        return found
    scale = _of_one_size(sums.totals, category, scores)
    without = None if sums.without is None else sums.without * scale
    alike = estimate(replace(sums, totals=sums.totals * scale, without=without), category, level, unit)
    pooled = ("pooled_share", "standardised_pooled_share")
    return replace(
        found,
        pooled_share=alike.pooled_share,
        standardised_pooled_share=alike.standardised_pooled_share,
        drawn={name: (alike if name in pooled else found).drawn[name] for name in found.drawn},
    )


def _of_one_size(totals: np.ndarray, category: int, scores: Sequence[str]) -> np.ndarray:
    """What makes the magnitudes of each score sum to 1, of totals `[episode, category, kind, target, group]`."""
    sizes = totals[:, category, 1::2].sum(axis=(0, 3))  # of each kind of magnitudes, [kind, target]
    scale = np.ones_like(sizes)
    for score in set(scores):
        at = [place for place, other in enumerate(scores) if other == score]
        whole = sizes[:, at].sum(axis=1, keepdims=True)
        scale[:, at] = np.divide(1, whole, out=np.ones_like(whole), where=whole > 0)
    return np.repeat(scale, 2, axis=0)[..., None]
