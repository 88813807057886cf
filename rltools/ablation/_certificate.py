"""The certificate that some features can be left out: how much of the return is kept without them, on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools._util.text import percent, plural
from rltools.ablation._rollouts import Rollouts
from rltools.stats import Jackknife, Named, jackknife

CERTIFICATE, SEARCH = "certificate", "search"
ONE_SIDED = 0.95
"""The level of the certificate's bound, which is one-sided."""


@dataclass(frozen=True)
class Certificate:
    """Whether the policy keeps its return when all features but some are replaced.

    It says so for seeds that the search did not see. Replaced features are not removed ones: only an agent that is
    trained again without them proves that they can be left out.

    Attributes:
        remaining: the names of the players that stay.
        left_out: the names of the players that are replaced together.
        replacement: what stood in the place of their values.
        part: the part of the return that may be lost.
        loss: the mean return that is lost, over the fresh seeds; NaN if there are none.
        bound: the upper end of its one-sided interval.
        baseline: the mean return with nothing hidden, over the fresh seeds.
        seeds: how many fresh seeds there are.
        level: of the bound.
        faults: at how many fresh seeds the episode ended by a fault without the players, and not with them: what they
            would have lost is unknown, so that a certificate with any does not hold.
    """

    remaining: tuple[str, ...]
    left_out: tuple[str, ...]
    replacement: str
    part: float
    loss: float
    bound: float
    baseline: float
    seeds: int
    level: float = ONE_SIDED
    faults: int = 0

    __repr__ = short_repr

    @property
    def allowed(self) -> float:
        """How much may be lost, in units of the return."""
        return self.part * abs(self.baseline)

    @property
    def holds(self) -> bool:
        """Whether so much of the return is certainly left."""
        return not self.faults and self.bound <= self.allowed

    @property
    def lost_part(self) -> float:
        """The part of the return that is lost."""
        return self.loss / abs(self.baseline) if self.baseline else np.nan

    @property
    def bound_part(self) -> float:
        """The part of the return that is lost at most, at the level of the bound."""
        return self.bound / abs(self.baseline) if self.baseline else np.nan

    def __str__(self) -> str:
        """The certificate in a sentence, or what is missing."""
        under = "resampling" if self.replacement == "resample" else f"the replacement {self.replacement!r}"
        count, names = plural(len(self.remaining), "feature"), ", ".join(self.remaining) or "none is needed"
        confidence = f"{percent(self.level)} confidence"
        if self.holds:
            suffice = "suffices" if len(self.remaining) == 1 else "suffice"
            return (
                f"Under {under}, {count} {suffice} to keep at least {percent(1 - self.part)} of the return, at "
                f"{confidence} (one-sided, {self.seeds} fresh seeds): {names}. Only training again without the others "
                f"would prove that they can be left out."
            )
        if self.faults or not self.seeds:
            attempted, left_out = plural(self.seeds + self.faults, "fresh episode"), ", ".join(self.left_out)
            failed = f"{self.faults} of {attempted}" if self.faults else "all episodes"
            return (
                f"No certificate: under {under}, {failed} without {left_out} ended by a fault, and what they lost is "
                f"unknown."
            )
        lost = f"{percent(abs(self.lost_part))} of the return on {self.seeds} fresh seeds"
        if self.loss > self.allowed and len(self.left_out) == 1:
            return f"Under {under}, no feature can be left out: even without {self.left_out[0]}, {lost} is lost."
        change = "lost" if self.loss > 0 else "gained"
        bound = f"at {confidence} up to {percent(self.bound_part)} is lost, and {percent(self.part)} may be"
        missing = "more seeds (most) may settle it" if self.loss <= self.allowed else "the search was too hopeful"
        return f"No certificate: under {under}, {lost} is {change} with {count} alone ({names}); {bound}; {missing}."


def certificate_of(players: Sequence[str], rollouts: Rollouts, replacement: str) -> Certificate | None:
    """The certificate that was measured last; None if there is none."""
    searched = rollouts.purpose == CERTIFICATE
    if not searched.any():
        return None
    part = float(rollouts.part[searched][-1])
    fresh = rollouts.where((rollouts.purpose == CERTIFICATE) & (rollouts.part == part))
    hidden = fresh.hidden[fresh.replacement == replacement]
    if not len(hidden):
        return None
    left_out = tuple(map(int, np.flatnonzero(hidden[-1])))
    baseline, without = fresh.returns((), replacement), fresh.returns(left_out, replacement)
    numbers = [number for number in sorted(without) if number in baseline]
    mean = loss = excess = np.nan
    if numbers:
        mean = float(np.mean([baseline[number] for number in numbers]))
        loss = float(np.mean([baseline[number] - without[number] for number in numbers]))
        # The bound is on the loss beyond what is allowed, which depends on the baseline's mean too.
        excess = float(excess_loss(baseline, without, numbers, part).interval(2 * ONE_SIDED - 1).high)
    return Certificate(
        tuple(name for player, name in enumerate(players) if player not in left_out),
        tuple(players[player] for player in left_out),
        replacement,
        part,
        loss,
        excess + part * abs(mean),
        mean,
        len(numbers),
        faults=fresh.failed(left_out, replacement),
    )


def excess_loss(
    baseline: Mapping[int, float], without: Mapping[int, float], numbers: Sequence[int], part: float
) -> Jackknife:
    """How much more is lost than the allowed part of the mean return, with the values without each seed."""
    pairs = np.array([[baseline[number], without[number]] for number in numbers], dtype=np.float64).reshape(-1, 2)

    def excess(total: np.ndarray, count: np.ndarray) -> Named:
        mean = total / count[:, None]
        return {"": mean[:, 0] - mean[:, 1] - part * np.abs(mean[:, 0])}

    return jackknife(excess, (pairs, np.ones(len(pairs))))[""]
