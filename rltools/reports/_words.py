"""What a target means, in plain words."""

from __future__ import annotations

_SCORES = {
    "logit": "the raw score of {}, before scores become probabilities",
    "q_value": "the return that the network expects of {}",
    "advantage": "how much better than the state's value the network expects {} to be",
    "centred": "the raw score of {}, less the mean over the allowed actions, because what they share decides nothing",
    "log_probability": "the logarithm of the probability of {}",
    "probability": "the probability of {}",
    "action": "{}, as it is sent to the environment",
    "mean": "the mean that {} is drawn around",
    "value": "the return that the network expects from a state on",
    "entropy": "how undecided the policy is",
    "kl": "how far the policy's distribution is from the one at the recorded state",
    "decision": "what the policy does",
}
_ACTIONS = {"chosen": "the action taken", "runner_up": "the best action other than the one taken", "all": "each action"}


def meaning(target: str) -> str:
    """A sentence that says what a target is; "" where none is known.

    >>> meaning("logit:chosen")
    'logit:chosen is the raw score of the action taken, before scores become probabilities.'
    >>> meaning("probability:chosen - runner_up")
    'probability:chosen - runner_up is the probability of the action taken, less that of the best action other than \
the one taken.'
    """
    first, _, minus = target.partition(" - ")
    score, _, action = first.partition(":")
    if score not in _SCORES or (minus and minus not in _ACTIONS):
        return ""
    said = _SCORES[score].format(_action(score, action))
    return f"{target} is {said}{f', less that of {_ACTIONS[minus]}' if minus else ''}."


def _action(score: str, action: str) -> str:
    if score in ("action", "mean") and action == "all":
        return "each entry of the action"
    return _ACTIONS.get(action, f"the action {action!r}")
