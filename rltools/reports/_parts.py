"""What the pages of runs and of experiments both show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rltools.pages import render
from rltools.recording import Header, Recording
from rltools.summary import Summary

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_ROWS = 24
"""Of a table; the rest is in the files."""


def part(name: str) -> str:
    """A template or a style of this package."""
    return files("rltools.reports").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def number(value: float) -> str:
    """A number with four significant digits, a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A share from 0 to 1 as a percentage, a dash where there is none."""
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def counted(count: int, noun: str) -> str:
    """`1 step`, `1,200 steps`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def interval(value: float, low: float, high: float, *, share: bool = False) -> str:
    """`231.4 [205.1, 252.0]`, or without the brackets where there is no interval."""
    shown = percent if share else number
    if math.isnan(low):
        return shown(value)
    ends = ", ".join(shown(end).removesuffix(" %") for end in (low, high))
    return f"{shown(value)} [{ends}]"


def asked_of(recording: Recording, summary: Summary) -> str:
    """`shapley of centred:chosen`, and over how many observations where these are several."""
    window = recording.question(summary.key).window
    over = f" over {counted(window, 'observation')}" if window else ""
    return f"{summary.method} of {summary.target}{over}"


def facts(recording: Recording, summary: Summary) -> list[tuple[str, str]]:
    """What was recorded, as pairs of a term and its value."""
    header = recording.header
    outcomes = recording.outcomes()
    endings = Counter(outcome.ended for outcome in outcomes)
    returns = summary.returns
    return [
        ("Agent", header.policy),
        ("Environment", header.environment_id or "made by a function"),
        ("Mean return", interval(returns.mean, returns.low, returns.high)),
        ("Episodes", f"{len(outcomes)} ({', '.join(f'{count} {ending}' for ending, count in endings.items())})"),
        ("Steps", f"{summary.n_steps:,}"),
        ("Seeds", f"{header.seed} to {header.seed + len(outcomes) - 1}" if outcomes else "–"),
        ("Actions", "the policy's best" if header.deterministic else "drawn from the policy's distribution"),
    ]


def score_table(summary: Summary) -> list[dict[str, Any]]:
    """One row a feature, the most important first: its share and its mean signed attribution, with intervals."""
    overall = summary.overall
    rows = []
    for ranked in summary.top(MOST_ROWS):
        at = ranked.position
        mean = overall.standardised_mean or overall.mean
        rows.append(
            {
                "feature": ranked.feature,
                "unit": summary.units[at],
                "share": interval(ranked.share, ranked.low, ranked.high, share=True),
                "bar": 0.0 if math.isnan(ranked.share) else round(ranked.share, 3),
                "means": [
                    interval(mean.value[label, at], mean.low[label, at], mean.high[label, at])
                    for label in range(len(summary.labels))
                ],
            }
        )
    return rows


def caveats(recording: Recording, summaries: Sequence[Summary]) -> list[str]:
    """What a reader must know before trusting the numbers, each once."""
    found = list(recording.header.notes)
    outside = sum(outcome.outside for outcome in recording.outcomes())
    if outside:
        found.append(
            f"{counted(outside, 'observation')} lay outside the space that the environment declares; kept as they came."
        )
    for summary in summaries:
        name = f"{summary.method} of {summary.target}"
        asked = recording.question(summary.key)
        if asked.every > 1:
            found.append(
                f"{name}: one step in {asked.every} is explained, evenly: all {counted(summary.n_steps, 'step')} "
                f"would have taken more work than the limit."
            )
        if summary.all_zero > 0 and summary.target != "decision":  # there it says that nothing changes the decision
            found.append(
                f"{name}: at {percent(summary.all_zero)} of the steps every feature's value is exactly 0: the network "
                f"is saturated there, and the method says nothing."
            )
        if summary.residuals is not None and summary.residuals.over:
            found.append(
                f"{name}: at {summary.residuals.over:,} of {summary.n:,} steps the values do not add up to the score "
                f"within 1 % of its spread (at worst {percent(summary.residuals.largest)})."
            )
        if "reference" in asked.parameters:
            found.append(
                f"{name}: features are compared with {asked.parameters['reference']}. Another draw of these states can "
                f"move a share by several points, which the intervals do not show."
            )
        found += [f"{name}: {note}." for note in summary.notes if asked.every == 1 or "left out" not in note]
    if any(summary.unit == "score per unit" for summary in summaries):
        found.append(
            "Gradients are per unit of a feature, and features have different units; where gradients are compared, "
            "they are multiplied by each feature's standard deviation over the recorded states."
        )
    return list(dict.fromkeys(found))


def closing(told: Sequence[str], commands: Sequence[str], header: Header, *, policy: bool) -> Markup:
    """The end of every page: caveats, how to get it again, and what took part."""
    from markupsafe import Markup

    versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
    made_with = f"Policy sha256 {header.policy_sha256} · {versions}" if policy else versions
    filled = render(part("closing.html"), caveats=told, commands=commands, made_with=made_with)
    return Markup(filled)  # noqa: S704  the template escaped what it was given
