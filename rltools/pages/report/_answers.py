"""What an experiment answers, in sentences: which features lead, and how well methods, agents and seeds agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np

from rltools.pages.report._parts import interval
from rltools.summary import DECISION, FEWEST_RANKED, Ranked, Summary, effect, is_control, leaders

Run = tuple[str, int]
MOST_NAMED = 6
"""Runs that get a sentence each; of more only how often a feature leads is said."""
MOST_TIED = 3
"""Features that may lead, each with its interval; of more only how many there are is said."""
_CAUTION = {
    "std": "a method that ranks features as the control deviation does says no more than how much each varies",
    "random": "agreement with the control random is chance",
}
"""What to make of agreement with a control."""


def leading(labels: Mapping[Run, str], summaries: Mapping[Run, Sequence[Summary]]) -> tuple[str, ...]:
    """Which feature leads each run by each method, with intervals; of many runs only how often it does.

    What leads by a control says nothing of the agent, and is left out.

    Args:
        labels: what each run, an agent and a seed, is called.
        summaries: of each run, one for each method and target.
    """
    summaries = {run: [one for one in made if not is_control(one.unit)] for run, made in summaries.items()}
    if len(summaries) > MOST_NAMED:
        return tuple(_counts(summaries))
    return tuple(filter(None, (_leads(labels[run], made) for run, made in summaries.items())))


def agreement(summaries: Mapping[Run, Sequence[Summary]]) -> tuple[str, ...]:
    """Spearman's rank correlation of the shares of all features, over pairs that differ in one thing only.

    One sentence for methods, targets, agents and seeds; none where nothing can be compared. Controls are no part of
    that: where there are some, further sentences say how well each method agrees with them, and what that means.
    """
    found: dict[str, list[float]] = {}
    sizes = set()
    flat = [(run, one) for run, made in summaries.items() for one in made]
    methods = [(run, one) for run, one in flat if not is_control(one.unit)]
    for (run, one), (other_run, other) in combinations(methods, 2):
        kind = _difference((*run, one.method, one.target), (*other_run, other.method, other.target))
        agrees = _spearman(one, other) if kind else None
        if agrees is not None:
            found.setdefault(kind, []).append(agrees)
            sizes.add(len(one.features))
    if not found:
        return tuple(_beside_controls(flat))
    said = [f"between {kind} {_range(values)}" for kind, values in found.items()]
    size = f"{sizes.pop()} features" if len(sizes) == 1 else "all features"
    return (
        f"Rank agreement over {size} (Spearman's correlation of their shares: 1 is the same order, 0 an unrelated "
        f"one): {_and(said)}.",
        *_beside_controls(flat),
    )


def _beside_controls(flat: Sequence[tuple[Run, Summary]]) -> Iterator[str]:
    """How well each method agrees with each control, of the same run and target."""
    found: dict[str, dict[str, list[float]]] = {}
    for (run, one), (other_run, other) in product(flat, flat):
        if is_control(one.unit) or not is_control(other.unit) or (run, one.target) != (other_run, other.target):
            continue
        agrees = _spearman(one, other)
        if agrees is not None:
            found.setdefault(one.method, {}).setdefault(other.method, []).append(agrees)
    if not found:
        return
    said = [
        f"{method} with " + _and([f"{control} {_range(values)}" for control, values in beside.items()])
        for method, beside in found.items()
    ]
    yield f"Rank agreement with the controls, which know nothing of the agent: {'; '.join(said)}."
    controls = dict.fromkeys(control for beside in found.values() for control in beside)
    cautions = [_CAUTION[control] for control in controls if control in _CAUTION]
    if cautions:
        text = "; ".join(cautions)
        yield f"{text[0].upper()}{text[1:]}."


def _leads(label: str, made: Sequence[Summary]) -> str:
    by_feature: dict[str, list[str]] = {}
    uncertain: list[str] = []
    for found in made:
        tied = leaders(found)
        if len(tied) == 1:
            by_feature.setdefault(tied[0].feature, []).append(_how_far(found, tied[0]))
        elif tied:
            named = [f"{one.feature} {_share(one)}" for one in tied[:MOST_TIED]]
            more = [f"{len(tied) - MOST_TIED} more"] if len(tied) > MOST_TIED else []
            uncertain.append(f"by {found.method} of {found.target} any of {_and([*named, *more])} may lead")
    said = [f"{name} leads by {_and(how)}" for name, how in by_feature.items()] + uncertain
    return f"{label}: {'; '.join(said)}." if said else ""


def _how_far(found: Summary, first: Ranked) -> str:
    if found.target == DECISION:
        return f"{found.method} ({effect(found, first)})"
    return f"{found.method} of {found.target} ({_share(first)})"


def _share(one: Ranked) -> str:
    return interval(one.share, one.low, one.high, share=True)


def _counts(summaries: Mapping[Run, Sequence[Summary]]) -> Iterator[str]:
    tops = [leaders(found) for made in summaries.values() for found in made]
    known = [tied for tied in tops if tied]
    certain = Counter(tied[0].feature for tied in known if len(tied) == 1)
    if known:
        said = [f"{name} in {count}" for name, count in certain.most_common(MOST_NAMED)]
        which = f": {_and(said)}" if said else ""
        yield (
            f"Of {len(known)} rankings, by run, method and target, one feature leads for certain in "
            f"{certain.total()}{which}."
        )


def _difference(first: tuple[object, ...], second: tuple[object, ...]) -> str:
    kinds = ("agents", "seeds", "methods", "targets")
    differing = [kind for kind, one, other in zip(kinds, first, second, strict=True) if one != other]
    return differing[0] if len(differing) == 1 else ""


def _spearman(one: Summary, other: Summary) -> float | None:
    """None where the features differ or are too few, or where no order is seen."""
    from scipy.stats import spearmanr

    shares = [summary.overall.importance.value for summary in (one, other)]
    if one.features != other.features or len(one.features) < FEWEST_RANKED:
        return None
    if any(np.isnan(share).any() or np.ptp(share) == 0 for share in shares):
        return None
    return float(spearmanr(shares[0].tolist(), shares[1].tolist()).statistic)


def _range(values: Sequence[float]) -> str:
    low, high = (f"{end:.2f}".replace("-", "−") for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high} in {len(values)} pairs"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
