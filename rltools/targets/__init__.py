"""Targets: which scalars are explained, the scores they name, and target functions with their gradients.

Imports policies and spaces. Attribution methods explain a target function, inputs -> target values; read `function.py`
first, then `_target.py` for how a target is written. A new score is one new file in `scores/`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.targets._parse import fitting_target, parse_target
    from rltools.targets._policy_function import (
        MOST_COPIES,
        PolicyTargetFunction,
        cached_by_policy,
        decision_pass,
        make_target_function,
    )
    from rltools.targets._scalars import base_head, read_scalars
    from rltools.targets._target import (
        SCORES,
        Target,
        available_scores,
        default_target,
        is_discrete,
        target_labels,
    )
    from rltools.targets._weights import linear_weights
    from rltools.targets.function import TargetFunction
    from rltools.targets.scores.decision import unbounded_action

__all__ = [
    "MOST_COPIES",
    "SCORES",
    "PolicyTargetFunction",
    "Target",
    "TargetFunction",
    "available_scores",
    "base_head",
    "cached_by_policy",
    "decision_pass",
    "default_target",
    "fitting_target",
    "is_discrete",
    "linear_weights",
    "make_target_function",
    "parse_target",
    "read_scalars",
    "target_labels",
    "unbounded_action",
]

# The module of each name: it is loaded with the first use, so that reading what a score means does not load torch.
_MODULES = {
    "fitting_target": "_parse",
    "parse_target": "_parse",
    "MOST_COPIES": "_policy_function",
    "PolicyTargetFunction": "_policy_function",
    "decision_pass": "_policy_function",
    "make_target_function": "_policy_function",
    "cached_by_policy": "_policy_function",
    "base_head": "_scalars",
    "read_scalars": "_scalars",
    "linear_weights": "_weights",
    "TargetFunction": "function",
    "unbounded_action": "scores.decision",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, '_target')}"), name)
    globals()[name] = value
    return value
