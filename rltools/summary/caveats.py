"""Caveats as data, and the one place that puts them into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rltools._util.text import capitalized, listed, percent, plural

CaveatKind = Literal[
    "agent",
    "clipped",
    "damaged",
    "faults",
    "few_carriers",
    "few_episodes",
    "few_references",
    "forced",
    "maybe_unseen",
    "no_intervals",
    "no_steps",
    "no_runner_up",
    "not_allowed",
    "one_reference",
    "out_of_space",
    "references",
    "references_without_error",
    "residual",
    "sample",
    "saturated",
    "shared_episodes",
    "single_action",
    "skipped",
    "units",
    "unseen",
]
FEWEST_DIFFERENT = 3
"""References that must differ from most others in a feature: with fewer its numbers depend on which were drawn."""
MOST_NAMED = 4
"""Features named in one caveat; of more only the count is given."""
MOST_UNSEEN = 3
"""Features named that no derivative sees; of more the first ones and a count."""


@dataclass(frozen=True)
class Caveat:
    """What to know before trusting a number. `str` gives it as a sentence.

    Attributes:
        kind: what it is about, which decides heading and wording.
        n: how many steps, episodes, references or observations it holds for.
        total: of how many.
        names: features that it is about.
        method: that it is about.
        share: a share from 0 to 1 that belongs to it: of steps, or of the spread of the target value.
        text: words of somebody else: a note of the policy, a description of the references.
        about: the attributions that it holds for, in words; empty where it holds for all on a page.
    """

    kind: CaveatKind
    n: int = 0
    total: int = 0
    names: tuple[str, ...] = ()
    method: str = ""
    share: float = 0.0
    text: str = ""
    about: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """What it is about, in a few words."""
        return _WORDING[self.kind][0]

    @property
    def note(self) -> str:
        """The caveat as a note: without a capital letter and a full stop."""
        return _WORDING[self.kind][1](self)

    def __str__(self) -> str:
        """The caveat as a sentence; words of somebody else as they are."""
        note = self.note
        if note == self.text:
            return note
        return capitalized(note if note.endswith(".") else f"{note}.")


def _features(caveat: Caveat) -> str:
    return listed(caveat.names) if len(caveat.names) <= MOST_NAMED else f"{len(caveat.names)} features"


def _damaged(caveat: Caveat) -> str:
    return f"{caveat.n} of {caveat.total} episodes cannot be read and {'is' if caveat.n == 1 else 'are'} left out"


def _faults(caveat: Caveat) -> str:
    ended = "was ended by a fault; its return does not count"
    if caveat.n != 1:
        ended = "were ended by a fault; their returns do not count"
    return f"{caveat.n} of {caveat.total} episodes {ended}"


def _skipped(caveat: Caveat) -> str:
    why = "not explained, or without a finite attribution"
    if caveat.text:
        why = f"one in {caveat.text} is explained, evenly, to bound the work"
    return f"{caveat.n} of {caveat.total} steps are left out: {why}"


def _without_error(caveat: Caveat) -> str:
    references = f"the {caveat.n} references" if caveat.n else "the references"
    return f"the intervals leave out the draw of {references}: what each of them adds was not kept"


def _references(caveat: Caveat) -> str:
    interval = " What another draw of these states would change is in the intervals." if caveat.n else ""
    return f"features are compared with {caveat.text}.{interval}"


_WORDING: dict[CaveatKind, tuple[str, Callable[[Caveat], str]]] = {
    "agent": ("The agent", lambda caveat: caveat.text),
    "clipped": (
        "Clipped elements",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} explained steps the normalization clips an element of the "
            "observation, which no gradient passes through"
        ),
    ),
    "damaged": ("Left out", _damaged),
    "faults": ("Faults", _faults),
    "few_carriers": (
        "Rough intervals",
        lambda caveat: f"few of the {caveat.total} episodes carry {_features(caveat)}: intervals are rough there",
    ),
    "few_episodes": (
        "Few episodes",
        lambda caveat: (
            f"the intervals rest on {caveat.n} episodes: they are wide, and rough where episodes differ much"
        ),
    ),
    "few_references": (
        "Rough intervals",
        lambda caveat: (
            f"fewer than {FEWEST_DIFFERENT} of the {caveat.total} references differ in "
            f"{_features(caveat)}: intervals are rough there, and more references (references=, --references) are "
            "better"
        ),
    ),
    "forced": (
        "Nothing to decide",
        lambda caveat: f"at {caveat.n} of {caveat.total} steps only one action was allowed, so nothing decides",
    ),
    "maybe_unseen": (
        "Unseen features",
        lambda caveat: (
            f"{caveat.method} is exactly 0 at every step for {listed(caveat.names, MOST_UNSEEN)}, although "
            "what is observed there varies: either the network ignores it, or no derivative sees how it is used, as "
            "where a value is rounded, compared or looked up; ask shapley or decision_change"
        ),
    ),
    "no_intervals": (
        "No intervals",
        lambda caveat: "no intervals: one episode does not show how far others would be from it",
    ),
    "no_steps": ("No steps", lambda caveat: "n = 0: there are no explained steps"),
    "no_runner_up": (
        "Nothing to decide",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} steps only one action was allowed: there is no other to "
            "compare with, and they do not count"
        ),
    ),
    "not_allowed": (
        "Nothing to explain",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} steps the action was not allowed: its probability has no "
            "logarithm, and they do not count"
        ),
    ),
    "one_reference": (
        "A single reference",
        lambda caveat: (
            "everything is compared with a single state: another one would give other numbers, which the "
            "intervals do not show"
        ),
    ),
    "out_of_space": (
        "Outside the space",
        lambda caveat: (
            f"{plural(caveat.n, 'observation')} lay outside the space that the policy was trained with; "
            "kept as they came"
        ),
    ),
    "references": ("What features are compared with", _references),
    "references_without_error": ("What the intervals leave out", _without_error),
    "residual": (
        "What is left over",
        lambda caveat: (
            f"at {caveat.n:,} of {caveat.total:,} steps the values do not add up to the score within 1 % of "
            f"its spread (at worst {percent(caveat.share)})"
        ),
    ),
    "sample": (
        "A sample of the steps",
        lambda caveat: (
            f"one step in {caveat.n} is explained, evenly: all {plural(caveat.total, 'step')} would have "
            "taken more work than the limit"
        ),
    ),
    "saturated": (
        "Saturated steps",
        lambda caveat: (
            f"at {percent(caveat.share)} of the steps every feature's value is exactly 0: the network is "
            "saturated there, and the method says nothing"
        ),
    ),
    "shared_episodes": ("Shared episodes", lambda caveat: caveat.text),
    "single_action": ("Nothing to decide", lambda caveat: "there is only one action, so nothing decides"),
    "skipped": ("Left out", _skipped),
    "units": (
        "Units",
        lambda caveat: (
            "gradients are per unit of a feature, and features have different units; where gradients are "
            "compared, they are multiplied by each feature's standard deviation over the recorded states"
        ),
    ),
    "unseen": (
        "Unseen features",
        lambda caveat: (
            f"derivatives do not see {listed(caveat.names, MOST_UNSEEN)}: {caveat.method} is exactly 0 "
            "there at every step, and yet other values change the score, as where a value is rounded, compared or "
            "looked up; ask shapley or decision_change"
        ),
    ),
}
"""The heading of each kind, and its wording as a note."""
