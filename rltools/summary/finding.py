"""Defines findings as data. `_wording.py` and the files beside it put them into words; no code parses the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rltools._util.glossary import method_title
from rltools.summary._data import Ranked
from rltools.summary.sentence import Sentence
from rltools.targets.scores import target_name

if TYPE_CHECKING:
    from rltools.ablation import Certificate

FindingKind = Literal[
    "agreement",
    "all_zero",
    "alone",
    "better_without",
    "by_action",
    "certificate",
    "coalition_values",
    "control",
    "control_agreement",
    "control_is_no_finding",
    "control_meaning",
    "first_agreement",
    "inside",
    "interaction",
    "lead",
    "lead_counts",
    "lead_time",
    "loss_controls",
    "loss_floor",
    "loss_lead",
    "loss_next",
    "loss_none",
    "mean_return",
    "memory",
    "needs_alike",
    "next",
    "no_steps",
    "non_finite",
    "nothing_matters",
    "objects",
    "rank_agreement",
    "ranking",
    "ranks_outside",
    "residual",
    "run_leads",
    "runs_alike",
    "second_replacement",
    "select_features",
    "single",
    "targets_apart",
    "time",
    "trust",
    "uneventful",
    "verdicts",
]
Doubt = Literal["", "no_interval", "one_episode", "one_seed", "tied"]
"""Why no feature certainly leads; "" if one does."""
NAMED = 3
"""The most features named in a sentence."""
MOST_NAMED = 6
"""The most runs that get a sentence each, and the most features counted over many runs."""
_WORDING: dict[FindingKind, Callable[[Finding], Sentence]] = {}
"""How each kind is worded; `wording` adds to it."""


def count_named(count: int) -> int:
    """How many of so many features a sentence names: a single one more is named too, since `1 more` is no shorter."""
    return count if count <= NAMED + 1 else NAMED


@dataclass(frozen=True)
class Finding:
    """A statement that recorded attributions, or measured losses, support; `str` gives it as a sentence.

    Attributes:
        kind: what it says, which decides the wording.
        subjects: the features that it is about, the leading one first, each with its share and interval; for a return
            or a rank correlation a single number with its name; for losses of return the loss instead of a share.
        leaders: how many of the first subjects cannot be told apart; 1 if the first certainly leads.
        doubt: why no subject certainly leads.
        method: the method of the attribution.
        target: the target as text.
        context: what else distinguishes the numbers: the effect of an observation, parameters; for kind "agreement"
            the method that it agrees with.
        standardized: whether attributions were multiplied by the std of each feature.
        continuous: whether the decision is a continuous action.
        unseen: whether some features are 0 because no derivative sees them.
        agent: the run that it is about, if there are several; of kinds about all runs the environment, likewise.
        action: the action taken at the steps that it is about.
        part: the part of the episodes that it is about, in words; for kind "inside", the variable whose inside it is.
        n: how many steps, episodes, features or observations it holds for.
        total: how many there are.
        even: the share of a part of the episodes if the feature mattered equally at every step; 0 for thirds.
        level: the level of the intervals.
        parts: findings that it combines in a sentence.
        replacement: the name of what stood in the place of hidden features.
        baseline: the mean return with nothing hidden.
        certificate: that some features can be replaced together.
        noun: what is ranked, in a word: "feature", "region", "kind of object".
        moment: whether it is about the observation of the moment alone, beside what a recurrent policy remembers.
    """

    kind: FindingKind
    subjects: tuple[Ranked, ...] = ()
    leaders: int = 1
    doubt: Doubt = ""
    method: str = ""
    target: str = ""
    context: tuple[str, ...] = ()
    standardized: bool = False
    continuous: bool = False
    unseen: bool = False
    agent: str = ""
    action: str = ""
    part: str = ""
    n: int = 0
    total: int = 0
    even: float = 0.0
    level: float = 0.95
    parts: tuple[Finding, ...] = ()
    replacement: str = ""
    baseline: Ranked | None = None
    certificate: Certificate | None = None
    noun: str = "feature"
    moment: bool = False

    @property
    def sentence(self) -> Sentence:
        """The finding in words, each number marked as what it is."""
        return _WORDING[self.kind](self)

    @property
    def source(self) -> str:
        """The method in words, and what else tells the numbers from others, as in the parenthesis of a sentence."""
        return ", ".join(filter(None, (self.by, *self.context)))

    @property
    def marks(self) -> tuple[str, ...]:
        """The ids of the caveats that undermine its numbers."""
        own = [mark for subject in self.subjects for mark in subject.marks]
        return tuple(dict.fromkeys([*own, *(mark for part in self.parts for mark in part.marks)]))

    @property
    def by(self) -> str:
        """The method in words: `Shapley values`, `gradient × std`."""
        return method_title(self.method, standardized=self.standardized)

    @property
    def about(self) -> str:
        """The target in words: `the score of the action taken (centered)`."""
        return target_name(self.target)

    def __str__(self) -> str:
        """The finding as a sentence."""
        return str(self.sentence)

    def __eq__(self, other: object) -> bool:
        """Whether all attributes are equal; interval ends that are NaN in both count as equal."""
        return isinstance(other, Finding) and repr(self) == repr(other)

    def __hash__(self) -> int:
        """A hash that is the same for equal findings."""
        return hash(repr(self))


def wording(kind: FindingKind) -> Callable[[Callable[[Finding], Sentence]], Callable[[Finding], Sentence]]:
    """Let a function put the findings of a kind into words."""

    def add(words: Callable[[Finding], Sentence]) -> Callable[[Finding], Sentence]:
        _WORDING[kind] = words
        return words

    return add


def number_of(name: str, value: float, low: float = float("nan"), high: float = float("nan")) -> Ranked:
    """A number with its interval that belongs to no feature: a return, a correlation, a share of the steps."""
    return Ranked(name, -1, value, low, high)
