"""Cards of recordings and attributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools._util.glossary import TERMS, method_title
from rltools._util.text import number, percent, plural
from rltools.attributions import is_control, is_per_feature_unit
from rltools.errors import RltoolsError
from rltools.pages.notebook._card import ROWS, Row, Table, bar, card, more_features, short
from rltools.pages.notebook._filmstrip import filmstrip_picture
from rltools.pages.notebook._summary import agent_text, numbers_text, ranked_table
from rltools.recording import Attribution, AttributionSpec, Outcome, Recording
from rltools.summary import DECISION, Summary, summarize
from rltools.summary.episodes import flat, grouped, usable
from rltools.targets.scores import target_name

QUICK = 5_000_000
"""The most numbers that are read or summarized for a card, so that a notebook does not wait."""
FEW = 5


def recording_html(recording: Recording) -> str:
    """The card of a recording: agent, episodes, attributions, and, if that is quick, the features that matter most."""
    outcomes = recording.outcomes()
    if sum(outcome.steps for outcome in outcomes) * recording.features.size <= QUICK:
        outcomes = recording.readable_outcomes()
    steps = sum(outcome.steps for outcome in outcomes)
    returns = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    specs = recording.specs
    names = list(dict.fromkeys(short(_explained(spec)) for spec in specs.values()))
    sentences = [f"explained: {'; '.join(names) or 'nothing'}"]
    summary, note = _headline(recording, steps) if specs else (None, "rltools.explain(recording, policy) explains it")
    return card(
        "Recording",
        agent_text(recording.header.policy, recording.header.environment_id),
        facts=(
            plural(len(outcomes), "episode"),
            plural(steps, "step"),
            *_returns(returns),
            plural(recording.features.size, "feature"),
            f"actions: {short(', '.join(recording.header.action_names))}",
        ),
        sentences=sentences,
        picture=None if summary is None else filmstrip_picture(recording, summary),
        table=_outcome_table(outcomes) if summary is None else ranked_table(summary, FEW),
        notes=(
            *(more_features(min(FEW, len(summary.features)), len(summary.features)) if summary else ()),
            note,
            "in a temporary folder" if recording.keep_alive else f"in {recording.directory}",
        ),
    )


def _explained(spec: AttributionSpec) -> str:
    """An attribution in words."""
    target = "" if spec.target == DECISION else f" of {target_name(spec.target)}"
    return f"{method_title(spec.method)}{target}"


def _headline(recording: Recording, steps: int) -> tuple[Summary | None, str]:
    try:
        spec = recording.spec(recording.find())
        if steps * recording.features.size * len(spec.labels) > QUICK:
            return None, "rltools.summarize(recording) says what matters most"
        summary = summarize(recording)
    except RltoolsError as error:
        return None, str(error)
    return summary, numbers_text(summary)


def _returns(returns: np.ndarray) -> tuple[str, ...]:
    if len(returns) == 0:
        return ()
    if len(returns) == 1:
        return (f"return {number(returns[0])}",)
    return (f"mean return {number(returns.mean())} ({number(returns.min())} to {number(returns.max())})",)


def _outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Returns and endings of the first episodes."""
    return Table(
        ("episode", "ended", "steps", "return"),
        tuple(
            Row((str(outcome.number), outcome.ended), (f"{outcome.steps:,}", number(outcome.total_reward)))
            for outcome in outcomes[:FEW]
        ),
    )


def attribution_html(attribution: Attribution) -> str:
    """The card of an attribution: method, target, unit, and mean magnitudes, as shares if all units are equal."""
    groups, every = attribution.spec.rows(attribution.features), 1 + attribution.values.size // QUICK
    values = attribution.values[::every]
    magnitudes = np.abs(grouped(flat(values, 2)[usable(values)], groups))
    sizes = magnitudes.mean(axis=0).sum(axis=0) if len(magnitudes) else np.full(len(groups), np.nan)
    order = [int(position) for position in np.argsort(-sizes, kind="stable")[:ROWS]]
    units = attribution.features.units
    rows = [
        (short(name), units[elements[0]] if units and len(elements) == 1 else "")
        for name, elements in map(groups.__getitem__, order)
    ]
    effect = (attribution.spec.effect,) if attribution.spec.effect else ()
    per_unit = is_per_feature_unit(attribution.unit)
    return card(
        "Attribution",
        f"{method_title(attribution.method)} of {short(target_name(attribution.target))}",
        facts=(
            f"{len(magnitudes):,} of {plural(len(attribution), 'step')} {'looked at' if every > 1 else 'explained'}",
            plural(attribution.features.size, "feature"),
            f"values {list(attribution.values.shape)} in {attribution.unit}",
            *effect,
        ),
        table=_per_unit(rows, sizes, order) if per_unit else _shares(rows, sizes, order),
        notes=(
            *more_features(len(order), len(groups)),
            _small_print(attribution),
        ),
    )


def _small_print(attribution: Attribution) -> str:
    if is_per_feature_unit(attribution.unit):
        return (
            "each value is per unit of its own feature; rltools.summarize multiplies by standard deviations to compare"
        )
    name = TERMS["share_of_mean"].name.format(f"|{method_title(attribution.method)}|")
    share = f"{name} of {short(target_name(attribution.target))}"
    if is_control(attribution.unit):
        return f"{share}; a control: only the order means anything"
    return f"{share}; rltools.summarize has intervals over episodes"


def _shares(features: list[tuple[str, str]], sizes: np.ndarray, order: list[int]) -> Table:
    total = sizes.sum()
    shares = sizes / total if total > 0 else np.full(len(sizes), np.nan)
    longest = float(np.nan_to_num(shares).max(initial=0.0))
    return Table(
        ("feature", "", TERMS["share"].name),
        tuple(
            Row(
                (name,),
                ("0/0" if np.isnan(shares[position]) else percent(float(shares[position])),),
                bar(float(shares[position]), np.nan, np.nan, longest),
            )
            for (name, _), position in zip(features, order, strict=True)
        ),
    )


def _per_unit(features: list[tuple[str, str]], sizes: np.ndarray, order: list[int]) -> Table:
    return Table(
        ("feature", "unit", "mean magnitude per unit"),
        tuple(
            Row((name, short(unit)), (f"{sizes[position]:.3g}",))
            for (name, unit), position in zip(features, order, strict=True)
        ),
    )
