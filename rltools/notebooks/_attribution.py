"""An attribution in a notebook."""

from __future__ import annotations

import numpy as np

from rltools.notebooks._card import ROWS, Row, Table, bar, card, counted, rest, short
from rltools.recording import Attribution
from rltools.summary import percent
from rltools.summary._steps import flat, grouped, usable

PER_UNIT = "score per unit"
QUICK = 5_000_000
"""So many numbers are looked at; of more, evenly chosen steps."""


def attribution_html(attribution: Attribution) -> str:
    """Method, target and unit, and each feature's mean magnitude; its share where all values have the same unit."""
    groups, every = attribution.question.rows(attribution.features), 1 + attribution.values.size // QUICK
    values = attribution.values[::every]
    magnitudes = np.abs(grouped(flat(values, 2)[usable(values)], groups))
    sizes = magnitudes.mean(axis=0).sum(axis=0) if len(magnitudes) else np.full(len(groups), np.nan)
    order = [int(at) for at in np.argsort(-sizes, kind="stable")[:ROWS]]
    units = attribution.features.units
    named = [
        (short(name), units[at[0]] if units and len(at) == 1 else "") for name, at in map(groups.__getitem__, order)
    ]
    effect = (attribution.question.effect,) if attribution.question.effect else ()
    per_unit = attribution.unit == PER_UNIT
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
    if attribution.unit == PER_UNIT:
        return (
            "each value is per unit of its own feature; rltools.summarise multiplies by standard deviations to compare"
        )
    shown = f"share of mean |{attribution.method.replace('_', ' ')}| of {short(attribution.target)}"
    if attribution.unit == "rank":
        return f"{shown}; a control: only the order means anything"
    return f"{shown}; rltools.summarise has intervals over episodes"


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
