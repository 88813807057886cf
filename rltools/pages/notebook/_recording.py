"""A recording in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.attributions import is_control, is_per_feature_unit
from rltools.errors import RltoolsError
from rltools.pages.notebook._card import ROWS, Row, Table, bar, card, counted, rest, short
from rltools.pages.notebook._summary import of_agent, ranked_table, shown_as
from rltools.recording import Attribution, Outcome, Recording
from rltools.summary import Summary, percent, summarize
from rltools.summary.episodes import flat, grouped, usable

QUICK = 5_000_000
"""So many numbers are read or summarized where nobody asked; more would keep a notebook waiting."""
FEW = 5


def recording_html(recording: Recording) -> str:
    """Whose episodes, how they went, what was explained, and, where that is quick, what matters most."""
    outcomes = recording.outcomes()
    if sum(outcome.steps for outcome in outcomes) * recording.features.size <= QUICK:
        outcomes = recording.readable_outcomes()
    steps = sum(outcome.steps for outcome in outcomes)
    returns = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    specs = recording.specs
    sentences = [f"explained: {'; '.join(map(short, recording.described.values())) or 'nothing'}"]
    summary, note = _headline(recording, steps) if specs else (None, "rltools.explain(recording, policy) explains it")
    return card(
        "Recording",
        of_agent(recording.header.policy, recording.header.environment_id),
        facts=(
            counted(len(outcomes), "episode"),
            counted(steps, "step"),
            *_returns(returns),
            counted(recording.features.size, "feature"),
            f"actions: {short(', '.join(recording.header.action_names))}",
        ),
        sentences=sentences,
        table=_outcome_table(outcomes) if summary is None else ranked_table(summary, FEW),
        notes=(
            *(rest(min(FEW, len(summary.features)), len(summary.features)) if summary else ()),
            note,
            "in a temporary folder" if recording.keep_alive else f"in {recording.directory}",
        ),
    )


def _headline(recording: Recording, steps: int) -> tuple[Summary | None, str]:
    try:
        spec = recording.spec(recording.find())
        if steps * recording.features.size * len(spec.labels) > QUICK:
            return None, "rltools.summarize(recording) says what matters most"
        summary = summarize(recording)
    except RltoolsError as error:
        return None, str(error)
    return summary, shown_as(summary)


def _returns(returns: np.ndarray) -> tuple[str, ...]:
    if len(returns) == 0:
        return ()
    if len(returns) == 1:
        return (f"return {returns[0]:.4g}",)
    return (f"mean return {returns.mean():.4g} ({returns.min():.4g} to {returns.max():.4g})",)


def _outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """How the first episodes went."""
    return Table(
        ("episode", "ended", "steps", "return"),
        tuple(
            Row((str(outcome.number), outcome.ended), (f"{outcome.steps:,}", f"{outcome.total_reward:.4g}"))
            for outcome in outcomes[:FEW]
        ),
    )


QUICK_ATTRIBUTION = 5_000_000
"""So many numbers are looked at; of more, evenly chosen steps."""


def attribution_html(attribution: Attribution) -> str:
    """Method, target and unit, and each feature's mean magnitude; its share where all values have the same unit."""
    groups, every = attribution.spec.rows(attribution.features), 1 + attribution.values.size // QUICK_ATTRIBUTION
    values = attribution.values[::every]
    magnitudes = np.abs(grouped(flat(values, 2)[usable(values)], groups))
    sizes = magnitudes.mean(axis=0).sum(axis=0) if len(magnitudes) else np.full(len(groups), np.nan)
    order = [int(at) for at in np.argsort(-sizes, kind="stable")[:ROWS]]
    units = attribution.features.units
    named = [
        (short(name), units[at[0]] if units and len(at) == 1 else "") for name, at in map(groups.__getitem__, order)
    ]
    effect = (attribution.spec.effect,) if attribution.spec.effect else ()
    per_unit = is_per_feature_unit(attribution.unit)
    return card(
        "Attribution",
        f"{attribution.method.replace('_', ' ')} of {short(attribution.target)}",
        facts=(
            f"{len(magnitudes):,} of {counted(len(attribution), 'step')} {'looked at' if every > 1 else 'explained'}",
            counted(attribution.features.size, "feature"),
            f"values {list(attribution.values.shape)} in {attribution.unit}",
            *effect,
        ),
        table=_per_unit(named, sizes, order) if per_unit else _shares(named, sizes, order),
        notes=(
            *rest(len(order), len(groups)),
            _small_print(attribution),
        ),
    )


def _small_print(attribution: Attribution) -> str:
    if is_per_feature_unit(attribution.unit):
        return (
            "each value is per unit of its own feature; rltools.summarize multiplies by standard deviations to compare"
        )
    shown = f"share of mean |{attribution.method.replace('_', ' ')}| of {short(attribution.target)}"
    if is_control(attribution.unit):
        return f"{shown}; a control: only the order means anything"
    return f"{shown}; rltools.summarize has intervals over episodes"


def _shares(features: list[tuple[str, str]], sizes: np.ndarray, order: list[int]) -> Table:
    total = sizes.sum()
    shares = sizes / total if total > 0 else np.full(len(sizes), np.nan)
    longest = float(np.nan_to_num(shares).max(initial=0.0))
    return Table(
        ("feature", "", "share of importance"),
        tuple(
            Row(
                (name,),
                ("0/0" if np.isnan(shares[at]) else percent(float(shares[at])),),
                bar(at, float(shares[at]), np.nan, np.nan, longest),
            )
            for (name, _), at in zip(features, order, strict=True)
        ),
    )


def _per_unit(features: list[tuple[str, str]], sizes: np.ndarray, order: list[int]) -> Table:
    return Table(
        ("feature", "unit", "mean magnitude per unit"),
        tuple(
            Row((name, short(unit)), (f"{sizes[at]:.3g}",)) for (name, unit), at in zip(features, order, strict=True)
        ),
    )
