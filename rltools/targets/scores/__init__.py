"""The scores that a target can name: one file each, found by its place.

A score is read from the outputs of one of the policy's heads. A file `name.py` here holds the score `name`, declared
with `@score`; nothing else is edited to add one. No file imports torch when it is loaded, so that pages and summaries,
which print what a score means, do not wait for it. Read `centered.py` first.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rltools._util.discovery import load_member, loadable
from rltools._util.glossary import ACTIONS
from rltools.targets.scores._score import Rows, Score, score

if TYPE_CHECKING:
    from torch import Tensor


__all__ = ["Rows", "Score", "find_score", "score", "score_names", "target_meaning"]


@cache
def score_names() -> tuple[str, ...]:
    """The names of all scores, in alphabetical order.

    Example:
        >>> from rltools.targets.scores import score_names
        >>> score_names()[:3]
        ('action', 'advantage', 'centered')
    """
    return loadable(__name__)


@lru_cache(256)
def find_score(name: str) -> Score:
    """The score of this name; any other name is taken for one of the policy's heads, whose outputs are the scores.

    Example:
        >>> from rltools.targets.scores import find_score
        >>> find_score("probability").meaning
        'the probability of {}'
    """
    if name not in score_names():
        return Score(name, _outputs)
    declared: Score = load_member(f"{__name__}.{name}", name)
    return declared


def _outputs(outputs: Tensor, rows: Rows) -> Tensor:
    return outputs


def target_meaning(target: str) -> str:
    """A sentence that says what a target is; "" for a score without a meaning.

    >>> target_meaning("logit:chosen")
    'logit:chosen is the raw score of the action taken, before scores become probabilities.'
    >>> target_meaning("probability:chosen - runner_up")
    'probability:chosen - runner_up is the probability of the action taken, less that of the best action other than \
the one taken.'
    """
    first, _, subtrahend = target.partition(" - ")
    score, _, action = first.partition(":")
    pattern = find_score(score).meaning
    if not pattern or (subtrahend and subtrahend not in ACTIONS):
        return ""
    meaning = pattern.format(_action(score, action))
    return f"{target} is {meaning}{f', less that of {ACTIONS[subtrahend].meaning}' if subtrahend else ''}."


def _action(score: str, action: str) -> str:
    if score in ("action", "mean") and action == "all":
        return "each element of the action"
    return ACTIONS[action].meaning if action in ACTIONS else f"the action {action!r}"
