"""What a target is, in a sentence."""

from __future__ import annotations

from rltools._util.glossary import ACTIONS, SCORES


def target_meaning(target: str) -> str:
    """A sentence that says what a target is; "" for one that the glossary does not know.

    >>> target_meaning("logit:chosen")
    'logit:chosen is the raw score of the action taken, before scores become probabilities.'
    >>> target_meaning("probability:chosen - runner_up")
    'probability:chosen - runner_up is the probability of the action taken, less that of the best action other than \
the one taken.'
    """
    first, _, subtrahend = target.partition(" - ")
    score, _, action = first.partition(":")
    if score not in SCORES or (subtrahend and subtrahend not in ACTIONS):
        return ""
    meaning = SCORES[score].meaning.format(_action(score, action))
    return f"{target} is {meaning}{f', less that of {ACTIONS[subtrahend].meaning}' if subtrahend else ''}."


def _action(score: str, action: str) -> str:
    if score in ("action", "mean") and action == "all":
        return "each element of the action"
    return ACTIONS[action].meaning if action in ACTIONS else f"the action {action!r}"
