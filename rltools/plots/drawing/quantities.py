"""What is drawn, in words: methods, explained scores and units as they stand on axes and in small print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rltools._util.text import plural
from rltools.plots.drawing.labels import plain

if TYPE_CHECKING:
    from rltools.recording import Outcome

_METHODS = {
    "shapley": "Shapley value",
    "integrated_gradients": "integrated gradient",
    "expected_gradients": "expected gradient",
    "smooth_grad": "SmoothGrad",
    "deep_lift": "DeepLIFT",
    "decision_change": "change of the decision",
    "occlusion": "occlusion",
}
_SCORES = {
    "centered": "score of {} (centered)",
    "logit": "logit of {}",
    "q_value": "Q-value of {}",
    "probability": "probability of {}",
    "log_probability": "log probability of {}",
    "advantage": "advantage of {}",
    "mean": "{}",
    "action": "{}",
}
"""Of an action; the scores of actions with a unit of their own are named by the action alone."""
_STATES = {"value": "value of the state", "entropy": "entropy of the policy", "decision": "the decision"}
_NOUNS = {pattern.partition(" ")[0] for pattern in (*_SCORES.values(), *_STATES.values())} - {"{}", "the"}
_ACTIONS = {"chosen": "the action taken", "runner_up": "the best other", "all": "each action"}
_ENDINGS = {"limit": "stopped", "fault": "stopped by a fault"}
_NAME_CHARACTERS = 24


def method_words(method: str) -> str:
    """A method as the name of its numbers.

    >>> method_words("shapley"), method_words("integrated_gradients"), method_words("my_method")
    ('Shapley value', 'integrated gradient', 'my method')
    """
    return _METHODS.get(method, plain(method.replace("_", " "), 40))


def score_words(target: str) -> str:
    """An explained score, or several, in words.

    >>> score_words("centered:chosen"), score_words("action:torque"), score_words("value")
    ('score of the action taken (centered)', 'torque', 'value of the state')
    >>> score_words("logit:chosen - runner_up"), score_words("action:all")
    ('logit of the action taken − the best other', 'each action')
    """
    first, *others = target.split(" & ")
    words = _difference(first)
    return " and ".join([words, *(_difference(other) for other in others)])


def _difference(target: str) -> str:
    minuend, _, subtrahend = target.partition(" - ")
    score, _, action = minuend.partition(":")
    if not action:
        return _STATES.get(score, plain(target.replace("_", " "), _NAME_CHARACTERS))
    pattern = _SCORES.get(score, plain(score.replace("_", " "), _NAME_CHARACTERS) + " of {}")
    words = pattern.format(_action(action))
    return f"{words} − {_action(subtrahend)}" if subtrahend else words


def _action(name: str) -> str:
    return _ACTIONS.get(name, plain(name, _NAME_CHARACTERS))


def effect_words(quantity: str, unit: str, label: str) -> str:
    """The axis of attributions: the quantity, what it is of, and its unit unless that is the score's own.

    >>> effect_words("Shapley value", "score", "centered:chosen")
    'Shapley value of the score of the action taken (centered)'
    >>> effect_words("Shapley value", "in units of the action", "action:torque")
    'Shapley value of torque, in units of the action'
    """
    words = score_words(label)
    article = "the " if words.partition(" ")[0] in _NOUNS else ""
    return f"{quantity} of {article}{words}" + (f", {unit}" if unit != "score" else "")


def unit_words(unit: str, target: str) -> str:
    """The unit of attributions: a continuous action has units of its own.

    >>> unit_words("score", "action:all"), unit_words("score", "centered:chosen")
    ('in units of the action', 'score')
    """
    return "in units of the action" if unit == "score" and target.partition(":")[0] in ("action", "mean") else unit


def interval_decimals(low: float, high: float) -> int:
    """How many decimals an interval allows: half of its length keeps one digit, and two if the first of them is 1.

    >>> interval_decimals(9.7, 10.9), interval_decimals(28, 34), interval_decimals(-0.04, 0.02)
    (1, 0, 2)
    """
    half = (high - low) / 2
    leading = math.floor(math.log10(half))
    return int(max(0, -leading + (half < 2 * 10.0**leading)))


def shown_unit(unit: str) -> tuple[float, str]:
    """A factor for observed values, and the unit that they have with it: a unit with a number in it is multiplied out.

    >>> shown_unit("7.5 length units/s"), shown_unit("m/s"), shown_unit("")
    ((7.5, 'length units/s'), (1.0, 'm/s'), (1.0, ''))
    """
    number, _, rest = unit.partition(" ")
    try:
        return float(number), rest
    except ValueError:
        return 1.0, unit


def ending_words(outcome: Outcome) -> str:
    """How an episode ended, and when: `terminated after 255 steps`."""
    return f"{_ENDINGS.get(outcome.ended, outcome.ended)} after {plural(outcome.steps, 'step')}"
