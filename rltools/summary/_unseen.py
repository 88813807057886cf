"""Features that a derivative does not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.recording import Recording
from rltools.summary._estimates import Statistics
from rltools.summary._steps import Groups, state_deviation

DERIVATIVES = (
    *("gradient", "input_x_gradient", "integrated_gradients", "expected_gradients", "smooth_grad", "var_grad"),
    *("deep_lift", "guided_backprop"),
)
"""Methods that see only what a derivative passes through, where a file does not say what was tried."""
_NAMED = 3


def unseen_features(recording: Recording, key: str, groups: Groups, overall: Statistics) -> tuple[str, ...]:
    """The features, or regions, whose every attribution is 0 although other values of theirs change the score.

    Of recordings in which nobody tried that, none.
    """
    tried = set(recording.question(key).unseen or ())
    zero = _zero(overall)
    return tuple(
        name for (name, entries), nothing in zip(groups, zero, strict=True) if nothing and tried & set(entries.tolist())
    )


def unseen_note(recording: Recording, key: str, groups: Groups, overall: Statistics) -> str:
    """The caveat about what a derivative does not see; "" where there is none to make."""
    question = recording.question(key)
    if names := unseen_features(recording, key, groups, overall):
        return (
            f"derivatives do not see {_listed(names)}: {question.method} is exactly 0 there at every step, and yet "
            f"other values change the score, as where a value is rounded, compared or looked up; ask shapley or "
            f"decision_change"
        )
    if question.unseen is not None or question.method not in DERIVATIVES or not _zero(overall).any():
        return ""
    varies = np.nan_to_num(state_deviation(recording, key)) > 0
    zero = zip(groups, _zero(overall), strict=True)
    names = tuple(name for (name, entries), nothing in zero if nothing and varies[entries].any())
    if not names:
        return ""
    return (
        f"{question.method} is exactly 0 at every step for {_listed(names)}, although what is observed there varies: "
        f"either the network ignores it, or no derivative sees how it is used, as where a value is rounded, compared "
        f"or looked up; ask shapley or decision_change"
    )


def _zero(overall: Statistics) -> np.ndarray:
    """Bool `[group]`: of some target every attribution is exactly 0."""
    zero: np.ndarray = (overall.mean_absolute.value == 0).any(axis=0)
    return zero


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    if more > 0:
        return f"{', '.join(names[:_NAMED])} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
