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
from rltools._util.text import capitalized, listed
from rltools.targets.scores._score import Rows, Score, score

if TYPE_CHECKING:
    from torch import Tensor


__all__ = ["Rows", "Score", "find_score", "score", "score_names", "target_meaning", "target_name", "target_noun"]


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


def target_name(target: str) -> str:
    """The name of a target, or of one of its labels, in sentences; identifiers belong into code.

    >>> target_name("centered:chosen"), target_name("logit:left engine"), target_name("action:all")
    ('the score of the action taken (centered)', 'the logit of left engine', 'the action')
    >>> target_name("q_value:chosen - runner_up & value")
    'the Q-value of the action taken less that of the runner-up and the value of the state'
    """
    return listed(_plain_name(part) for part in target.split(" & "))


def target_noun(target: str) -> str:
    """What a target is in a word, of which its attributions have the unit: "score", "action" or "value".

    >>> target_noun("centered:chosen"), target_noun("action:all"), target_noun("value")
    ('score', 'action', 'value')
    """
    nouns = dict.fromkeys(find_score(part.partition(":")[0]).noun for part in target.split(" & "))
    return " and ".join(nouns)


def _plain_name(target: str) -> str:
    first, _, subtrahend = target.partition(" - ")
    score, _, action = first.partition(":")
    title = find_score(score).title or ("the output " + score + (" for {}" if action else ""))
    name = title.replace("{}", _action_name(score, action))  # a name may have braces of its own
    if not subtrahend:
        return name
    if ":" in subtrahend or subtrahend in score_names():
        return f"{name} less {_plain_name(subtrahend)}"
    return f"{name} less that of {_action_name(score, subtrahend)}"


def _action_name(score: str, action: str) -> str:
    """The action of a target: `chosen` is "the action taken"."""
    keyword, _, choice = action.partition("[")
    if score in ("action", "mean") and (action == "all" or keyword not in ACTIONS):
        return "the action" if action == "all" else f"the action's {action}"
    if keyword in ACTIONS and (not choice or choice.endswith("]")):
        return ACTIONS[keyword].name + (f" in choice {choice.removesuffix(']')}" if choice else "")
    return f"action {action}" if action.isdigit() else action


def target_meaning(target: str) -> str:
    """A sentence that says what a target is; "" for a score without a meaning.

    >>> target_meaning("logit:chosen")
    'The logit of the action taken is the raw score of the action taken, before scores become probabilities.'
    >>> target_meaning("probability:chosen - runner_up")
    'The probability of the action taken less that of the runner-up is the probability of the action taken, less that \
of the best action other than the one taken.'
    """
    first, _, subtrahend = target.partition(" - ")
    score, _, action = first.partition(":")
    pattern = find_score(score).meaning
    if not pattern or (subtrahend and subtrahend not in ACTIONS):
        return ""
    meaning = pattern.format(_action(score, action))
    less = f", less that of {ACTIONS[subtrahend].meaning}" if subtrahend else ""
    return f"{capitalized(target_name(target))} is {meaning}{less}."


def _action(score: str, action: str) -> str:
    if score in ("action", "mean") and action == "all":
        return "each element of the action"
    return ACTIONS[action].meaning if action in ACTIONS else f"the action {action!r}"
