"""Finds what an ablation says: which features the agent needs, how certain that is, and what to be careful with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import number
from rltools.ablation import select_features_line
from rltools.ablation.replacements import replaced_by
from rltools.recording import Recording
from rltools.stats import FEWEST_REPORTED, Interval
from rltools.summary._data import Ranked, ranked_at
from rltools.summary.caveats import Caveat
from rltools.summary.finding import NAMED, Doubt, Finding, count_named, number_of

if TYPE_CHECKING:
    from rltools.ablation import Ablation, Interaction, Losses

LARGE = 100
INTERACTIONS = 2
"""The most interactions that are named."""


def find_losses(
    ablation: Ablation, recording: Recording | None = None, *, level: float = 0.95
) -> tuple[Finding | Caveat, ...]:
    """The findings of an ablation, the most important first; `ablation_caveats` has what to be careful with.

    The first finding heads a page. Among them is the caveat that another replacement names another first feature.

    Args:
        ablation: what was measured.
        recording: from which its visited states are; None leaves out the line that keeps the remaining features.
        level: the level of the intervals.

    Example:
        >>> import rltools
        >>> from rltools.summary import find_losses
        >>> ablation = rltools.ablate(rltools.load_policy("cartpole-ppo"), seeds=4, most=4)
        >>> [finding.kind for finding in find_losses(ablation)][:3]
        ['loss_lead', 'loss_next', 'verdicts']
    """
    losses = ablation.losses(level=level)
    lead = find_loss_lead(ablation, losses, level=level)
    return (
        lead,
        *_next(losses, lead),
        _verdicts(ablation, losses, level),
        *second_replacement(ablation, losses, level=level),
        *_certificate(ablation, recording),
        *_coalition_values(ablation, level),
        *_interactions(ablation, level),
    )


def find_loss_lead(
    ablation: Ablation, losses: Losses | None = None, *, agent: str = "", level: float = 0.95
) -> Finding:
    """What the return loses most with, or that this is not certain, and without what the agent does better.

    Args:
        ablation: what was measured.
        losses: its losses, if they are there already.
        agent: the run that it is about, if there are several.
        level: the level of the intervals.
    """
    losses = ablation.losses(level=level) if losses is None else losses
    ranked = _ranked(losses)
    baseline = _of_interval("return", losses.baseline)
    better = {verdict.player for verdict in ablation.verdicts(level) if verdict.kind == "better_without"}

    def finding(kind: str, count: int, doubt: Doubt = "", part: str = "") -> Finding:
        leading = ranked[: count_named(count)]
        gains = tuple(each for each in reversed(ranked) if each.feature in better and each not in leading)
        return Finding(
            kind,  # type: ignore[arg-type]
            leading,
            leaders=max(1, losses.leaders),
            doubt=doubt,
            agent=agent,
            part=part,
            n=_seeds(losses, max(1, losses.leaders)),
            total=len(ranked),
            level=level,
            replacement=losses.replacement,
            baseline=baseline,
            parts=(Finding("better_without", gains[:NAMED], leaders=len(gains), level=level),) if gains else (),
        )

    if not ranked:
        return finding("loss_none", 0, part="unmeasured")
    first = ranked[0]
    if not _changed(losses):
        return finding("loss_none", 0, part="unchanged")
    if np.isnan(first.low):
        return finding("loss_lead", 1, "one_seed" if _seeds(losses, 1) < 2 else "no_interval")
    if not first.low > 0:
        return finding("loss_none", 1)
    if losses.tied_at_floor:
        return finding("loss_floor", losses.leaders, "tied")
    at_floor = "floor" if losses.at_floor[losses.order[0]] else ""
    return finding("loss_lead", losses.leaders, "tied" if losses.leaders > 1 else "", at_floor)


def _next(losses: Losses, lead: Finding) -> Iterator[Finding]:
    """The next features that certainly cost something."""
    ranked = _ranked(losses)[max(1, len(lead.subjects)) :]
    certain = tuple(each for each in ranked if each.low > 0)[:NAMED]
    if lead.kind == "loss_lead" and lead.leaders <= NAMED + 1 and certain:
        yield Finding("loss_next", certain, total=len(ranked), level=lead.level, replacement=losses.replacement)


def _verdicts(ablation: Ablation, losses: Losses, level: float) -> Finding:
    """The verdict on each feature, by `rltools.ablation.RULE`, the largest loss first."""
    verdicts = ablation.verdicts(level)
    parts = tuple(
        Finding("verdicts", (loss_of(losses, int(player)),), part=verdicts[player].kind, agent=verdicts[player].partner)
        for player in losses.order
    )
    return Finding("verdicts", parts=parts, level=level)


def second_replacement(ablation: Ablation, losses: Losses, *, level: float = 0.95) -> tuple[Finding | Caveat, ...]:
    """Whether the second replacement names the same first feature; a caveat if it certainly names another one."""
    if ablation.second is None:
        return ()
    other = ablation.losses(ablation.second, level)
    ranked = _ranked(other)
    if not ranked or not losses.leaders:
        return ()
    leading, others = (set(map(int, each.order[: max(1, each.leaders)])) for each in (losses, other))
    if not _changed(other):
        part, count = "unchanged" if _changed(losses) else "unchanged_too", _seeds(other, 1)
        return (Finding("second_replacement", part=part, n=count, level=level, replacement=ablation.second),)
    needed = losses.interval.low[losses.order[0]] > 0
    if needed and ranked[0].low > 0 and not leading & others:
        names = (_ranked(losses)[0].feature, ranked[0].feature)
        return (Caveat("other_replacement", n=_seeds(other, 1), names=names, text=replaced_by(ablation.second)),)
    same = needed and ranked[0].low > 0 and other.leaders == 1 and int(other.order[0]) in leading
    return (
        Finding(
            "second_replacement",
            ranked[: 1 if same else min(max(1, other.leaders), NAMED)],
            leaders=max(1, other.leaders),
            part="same" if same else "open",
            n=_seeds(other, 1),
            total=len(ranked),
            level=level,
            replacement=ablation.second,
        ),
    )


def _certificate(ablation: Ablation, recording: Recording | None) -> Iterator[Finding]:
    certificate = ablation.certificate
    if certificate is None:
        return
    yield Finding("certificate", replacement=ablation.replace, certificate=certificate)
    if recording is not None and (line := select_features_line(ablation, recording.features)):
        yield Finding("select_features", context=(line,))


def _coalition_values(ablation: Ablation, level: float) -> Iterator[Finding]:
    values = ablation.shapley(level)
    if values is None or len(values.players) < 2:
        return
    order = np.argsort(-values.interval.value, kind="stable")
    ranked = tuple(ranked_at(values.players, values.interval, int(player)) for player in order)
    yield Finding(
        "coalition_values",
        tuple(each for each in ranked if each.low > 0)[:NAMED],
        n=values.seeds,
        total=2 ** len(values.players) if values.exact else 0,
        level=level,
        replacement=ablation.replace,
        baseline=_of_interval("return", values.total),
        parts=tuple(Finding("coalition_values", (each,)) for each in reversed(ranked) if each.high < 0),
    )
    alone = ablation.alone(level)
    if alone is not None:
        best = ranked_at(ablation.players, alone, int(np.argmax(alone.value)))
        if best.share:  # else seeing it alone is as good as seeing nothing
            yield Finding("alone", (best,), replacement=ablation.replace, level=level)


def _interactions(ablation: Ablation, level: float) -> Iterator[Finding]:
    """The largest interactions that are certainly not 0, which few seeds do not show."""
    measured = [each for each in ablation.interactions(level) if each.seeds >= FEWEST_REPORTED]
    certain = [each for each in measured if _away_from_zero(each)]
    for each in certain[:INTERACTIONS]:
        yield Finding(
            "interaction",
            (_of_interval("interaction", each.interval), _of_interval("loss of both", each.both)),
            context=each.players,
            n=each.seeds,
            level=level,
            replacement=ablation.replace,
        )


def _away_from_zero(interaction: Interaction) -> bool:
    return bool(interaction.interval.low > 0 or interaction.interval.high < 0)


def ablation_caveats(ablation: Ablation, recording: Recording | None = None) -> tuple[Caveat, ...]:
    """What to be careful with in an ablation, but for another replacement, which is among its findings.

    Args:
        ablation: what was measured.
        recording: from which its visited states are; it says whether there are action masks and a memory.
    """
    losses = ablation.losses()
    rollouts = ablation.rollouts
    faults = ablation.faults
    limited = int((rollouts.ended == "limit").sum())
    added = float(np.nansum(losses.interval.value)) if len(losses.players) else 0.0
    sums = f"{_whole(added)}, and the return is {_whole(float(losses.baseline.value))}"
    seeds = [int(count) for count in losses.seeds if count]
    masked, recurrent = _mask_and_memory(recording)
    caveats = [
        (len(losses.players) > 1 and _changed(losses), Caveat("losses_do_not_add", text=sums)),
        (True, Caveat("seeds_only", text=replaced_by(ablation.replace))),
        (min(seeds, default=FEWEST_REPORTED) < FEWEST_REPORTED, Caveat("few_seeds", n=min(seeds, default=0))),
        (limited, Caveat("cut_short", n=limited, total=len(rollouts), text=f"{ablation.spec.max_steps:,}")),
        (masked, Caveat("masks_untouched")),
        (recurrent, Caveat("memory_untouched")),
        (faults, Caveat("hidden_faults", n=len(faults), total=len(rollouts), text=faults[0] if faults else "")),
    ]
    return tuple(caveat for holds, caveat in caveats if holds)


def _mask_and_memory(recording: Recording | None) -> tuple[bool, bool]:
    """Whether the policy has action masks, and whether it remembers."""
    outcomes = recording.readable_outcomes() if recording is not None else []
    if recording is None or not outcomes:
        return False, False
    remembers = any(spec.effect for spec in recording.specs.values())
    return recording.episode(outcomes[0].number).masks is not None, remembers


def _ranked(losses: Losses) -> tuple[Ranked, ...]:
    """The losses of the players that were measured, the largest first."""
    return tuple(loss_of(losses, int(player)) for player in losses.order if losses.seeds[player])


def loss_of(losses: Losses, player: int) -> Ranked:
    """The loss of a player, and what it is at each seed if they are too few for an interval."""
    differences = tuple(map(float, losses.differences[player].values()))
    few = differences if len(differences) < FEWEST_REPORTED else ()
    return replace(ranked_at(losses.players, losses.interval, player), each=few, parts="seeds")


def _changed(losses: Losses) -> bool:
    """Whether hiding a player changes the return of any episode."""
    return any(any(differences.values()) for differences in losses.differences)


def _seeds(losses: Losses, first: int) -> int:
    """The number of seeds of the first players."""
    return min((int(losses.seeds[player]) for player in losses.order[:first]), default=0)


def _whole(value: float) -> str:
    """A number without decimals if it is large."""
    return f"{value:,.0f}".replace("-", "−") if abs(value) >= LARGE else number(value, 3)


def _of_interval(name: str, interval: Interval) -> Ranked:
    return number_of(name, float(interval.value), float(interval.low), float(interval.high))
