"""Defines caveats as data, and puts them into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from zlib import crc32

from rltools._util.glossary import method_title
from rltools._util.text import capitalized, listed, number, percent, plural

CaveatKind = Literal[
    "agent",
    "clipped",
    "constant",
    "cut_short",
    "damaged",
    "data",
    "data_continuous",
    "faults",
    "few_carriers",
    "few_episodes",
    "few_references",
    "few_seeds",
    "forced",
    "hidden_faults",
    "losses_do_not_add",
    "masks_untouched",
    "maybe_unseen",
    "memory_untouched",
    "no_intervals",
    "no_steps",
    "no_runner_up",
    "not_allowed",
    "not_measured",
    "one_reference",
    "other_replacement",
    "out_of_space",
    "references",
    "references_without_error",
    "residual",
    "sample",
    "saturated",
    "seeds_only",
    "shared_episodes",
    "single_action",
    "skipped",
    "units",
    "unseen",
]
FEWEST_DIFFERENT = 3
"""How many references must differ from the others in a feature; with fewer, its numbers depend on the draw."""
MOST_NAMED = 4
"""The most features named in a caveat; if there are more, only their number is given."""
MOST_UNSEEN = 3
"""The most unseen features named in a caveat; if there are more, the first ones and a count."""


@dataclass(frozen=True)
class Caveat:
    """A reason to be careful with a number; `str` gives it as a sentence.

    Attributes:
        kind: what it is about, which decides heading and wording.
        n: how many steps, episodes, references or observations it holds for.
        total: how many there are.
        names: features that it is about.
        method: the method that it is about.
        share: a share from 0 to 1 that belongs to it: of steps, or of the spread of the target value.
        text: text from elsewhere: a note of the policy, a description of the references.
        about: the attributions that it holds for, in words; empty if it holds for all on a page.
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
    def id(self) -> str:
        """An identifier that numbers point to; the same whatever attributions it is about.

        >>> Caveat("few_episodes", n=3).id == Caveat("few_episodes", n=3, about=("gradient",)).id
        True
        """
        content = repr(replace(self, about=())).encode()
        return f"caveat-{self.kind.replace('_', '-')}-{crc32(content):08x}"

    @property
    def heading(self) -> str:
        """A few words on what it is about."""
        return _WORDING[self.kind][0]

    @property
    def note(self) -> str:
        """The caveat as a note, without a capital letter and a period."""
        return _WORDING[self.kind][1](self)

    def __str__(self) -> str:
        """The caveat as a sentence; text from elsewhere stays as it is."""
        note = self.note
        if note == self.text:
            return note
        return capitalized(note if note.endswith(".") else f"{note}.")


def _features(caveat: Caveat) -> str:
    return listed(caveat.names) if len(caveat.names) <= MOST_NAMED else f"{len(caveat.names)} features"


def _damaged(caveat: Caveat) -> str:
    return f"{caveat.n} of {caveat.total} episodes cannot be read and {'is' if caveat.n == 1 else 'are'} left out"


def _data(caveat: Caveat) -> str:
    own = f"at {caveat.n:,} of {caveat.total:,} steps ({percent(caveat.share)}) {caveat.names[0]} would choose another"
    return _of_data(caveat, own if caveat.n else f"at every step {caveat.names[0]} would choose the same")


def _data_continuous(caveat: Caveat) -> str:
    own = f"that of {caveat.names[0]} is {number(caveat.share, 2)} standard deviations of recorded actions away"
    return _of_data(caveat, f"{own}, on average" if caveat.share else f"at every step {caveat.names[0]} takes the same")


def _of_data(caveat: Caveat, own: str) -> str:
    return (
        f"the episodes are those of {caveat.text}: their actions and returns are not the policy's. What is explained "
        f"is the score of the recorded action; {own}"
    )


def _faults(caveat: Caveat) -> str:
    ended = "was ended by a fault; its return does not count"
    if caveat.n != 1:
        ended = "were ended by a fault; their returns do not count"
    return f"{caveat.n} of {caveat.total} episodes {ended}"


def _skipped(caveat: Caveat) -> str:
    why = "not explained, or without a finite attribution"
    if caveat.text:
        why = f"one in {caveat.text} is explained, evenly, to limit the time"
    return f"{caveat.n} of {caveat.total} steps are left out: {why}"


def _without_error(caveat: Caveat) -> str:
    references = f"the {caveat.n} references" if caveat.n else "the references"
    return f"the intervals leave out the draw of {references}: the contribution of each one was not recorded"


def _references(caveat: Caveat) -> str:
    interval = " The intervals cover another draw of these states." if caveat.n else ""
    return f"features are compared with {caveat.text}.{interval}"


def _other_replacement(caveat: Caveat) -> str:
    first, other = caveat.names
    return (
        f"which feature is needed most depends on the replacement: {caveat.text} ({plural(caveat.n, 'seed')}), it is "
        f"{other} and not {first}"
    )


def _hidden_faults(caveat: Caveat) -> str:
    ended = "was ended by a fault and does" if caveat.n == 1 else "were ended by a fault and do"
    return f"{caveat.n} of {caveat.total:,} episodes with or without hidden features {ended} not count: {caveat.text}"


def _not_measured(caveat: Caveat) -> str:
    reason = caveat.text or "no episode was run in which the agent does not see a feature; `rltools ablate` does that"
    return (
        f"nothing was measured: {reason}. So nothing here says what the agent needs, only what its decision and its "
        f"score depend on; how often replacing a feature changes the action is the best predictor of what is needed"
    )


def _constant(caveat: Caveat) -> str:
    if not caveat.names:
        return "all recorded observations are the same, so numbers of 0 say nothing about the use of any feature"
    several = len(caveat.names) > 1
    return (
        f"in the recorded steps {listed(caveat.names, MOST_NAMED)} never {'change' if several else 'changes'}, so "
        f"{'their numbers' if several else 'its number'} of 0 {'say' if several else 'says'} nothing about the use of "
        f"{'them' if several else 'it'}"
    )


_WORDING: dict[CaveatKind, tuple[str, Callable[[Caveat], str]]] = {
    "agent": ("The agent", lambda caveat: caveat.text),
    "clipped": (
        "Clipped elements",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} explained steps the normalization clips an element of the "
            "observation, which no gradient passes through"
        ),
    ),
    "constant": ("Nothing to compare", _constant),
    "cut_short": (
        "Episodes cut short",
        lambda caveat: (
            f"{caveat.n:,} of {caveat.total:,} episodes with or without hidden features were ended at {caveat.text} "
            "steps: what is lost after them does not show"
        ),
    ),
    "damaged": ("Left out", _damaged),
    "data": ("Recorded data", _data),
    "data_continuous": ("Recorded data", _data_continuous),
    "faults": ("Faults", _faults),
    "few_carriers": (
        "Rough intervals",
        lambda caveat: f"few of the {caveat.total} episodes carry {_features(caveat)}: intervals are rough there",
    ),
    "few_episodes": (
        "Few episodes",
        lambda caveat: (
            f"{caveat.n} episodes do not show how far others may lie, so there are no intervals; the numbers of each "
            "episode stand in their place"
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
    "few_seeds": (
        "Few seeds",
        lambda caveat: (
            f"{plural(caveat.n, 'seed')} {'does' if caveat.n == 1 else 'do'} not show how far others may lie, so these "
            "losses have no intervals; the loss at each seed stands in their place"
        ),
    ),
    "forced": (
        "Nothing to decide",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} steps only one action was allowed, so there was nothing to decide"
        ),
    ),
    "hidden_faults": ("Faults", _hidden_faults),
    "losses_do_not_add": (
        "Losses are not shares",
        lambda caveat: (
            f"losses do not add up to the return: their sum is {caveat.text}. Hiding either of two features "
            "that are needed together loses what both give, and hiding one of two that tell the same loses nothing"
        ),
    ),
    "masks_untouched": (
        "Action masks",
        lambda caveat: "action masks stay as the environment gives them, and may tell what is hidden",
    ),
    "maybe_unseen": (
        "Unseen features",
        lambda caveat: (
            f"{method_title(caveat.method)} is exactly 0 at every step for {listed(caveat.names, MOST_UNSEEN)}, "
            "although the values vary: either the network ignores them, or no derivative sees how they are used, for "
            "instance because they are rounded, compared or looked up; try shapley or decision_change"
        ),
    ),
    "memory_untouched": (
        "Memory",
        lambda caveat: (
            "a recurrent policy keeps its memory, which holds what it was shown: replaced values of hidden features"
        ),
    ),
    "no_intervals": (
        "No intervals",
        lambda caveat: "no intervals: a single episode does not show how much episodes differ",
    ),
    "no_steps": ("No steps", lambda caveat: "n = 0: there are no explained steps"),
    "no_runner_up": (
        "Nothing to decide",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} steps only one action was allowed: there is no other action "
            "to compare with, and these steps do not count"
        ),
    ),
    "not_allowed": (
        "Nothing to explain",
        lambda caveat: (
            f"at {caveat.n} of {caveat.total} steps the action was not allowed: its probability has no "
            "logarithm, and these steps do not count"
        ),
    ),
    "not_measured": ("Nothing was measured", _not_measured),
    "one_reference": (
        "A single reference",
        lambda caveat: (
            "features are compared with a single state: another state would give other numbers, which the "
            "intervals do not show"
        ),
    ),
    "other_replacement": ("Another replacement", _other_replacement),
    "out_of_space": (
        "Outside the space",
        lambda caveat: (
            f"{plural(caveat.n, 'observation')} lay outside the space that the policy was trained with; "
            "they are recorded unchanged"
        ),
    ),
    "references": ("What features are compared with", _references),
    "references_without_error": ("What the intervals leave out", _without_error),
    "residual": (
        "Residuals",
        lambda caveat: (
            f"at {caveat.n:,} of {caveat.total:,} steps the values do not add up to the score within 1 % of "
            f"its spread (at worst {percent(caveat.share)})"
        ),
    ),
    "sample": (
        "A sample of the steps",
        lambda caveat: (
            f"one step in {caveat.n} is explained, evenly: all {plural(caveat.total, 'step')} would take "
            "longer than the limit"
        ),
    ),
    "saturated": (
        "Saturated steps",
        lambda caveat: (
            f"at {percent(caveat.share)} of the steps every feature's value is exactly 0: the network is "
            "saturated there, and the method says nothing"
        ),
    ),
    "seeds_only": (
        "What the intervals of losses leave out",
        lambda caveat: (
            f"a hidden feature is {caveat.text}, which makes states that never occur; the intervals cover other seeds, "
            "but not another draw of visited states, another replacement or another training run"
        ),
    ),
    "shared_episodes": ("Shared episodes", lambda caveat: caveat.text),
    "single_action": ("Nothing to decide", lambda caveat: "there is only one action, so there is nothing to decide"),
    "skipped": ("Left out", _skipped),
    "units": (
        "Units",
        lambda caveat: (
            "gradients are per unit of a feature, and features have different units; where gradients are "
            "compared, they are multiplied by each feature's standard deviation over the recorded observations"
        ),
    ),
    "unseen": (
        "Unseen features",
        lambda caveat: (
            f"derivatives do not see {listed(caveat.names, MOST_UNSEEN)}: {method_title(caveat.method)} is exactly 0 "
            "there at every step, and yet other values change the score, for instance because a value is rounded, "
            "compared or looked up; try shapley or decision_change"
        ),
    ),
}
"""The heading of each kind, and its wording as a note."""
