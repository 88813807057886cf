"""Rollouts in which the policy's view of a feature is replaced: losses of return, outcome Shapley values, curves.

Read `_ablate.py` first, the public function; `_stages.py` says what is measured in which order, `_runner.py` runs it,
`_replaced_decisions.py` says how the policy decides on replaced observations, and `_ablation.py` what follows from the
episodes. Replacements are found by their place in `replacements/`. Imports rollout, explanation and what is above.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.ablation._ablate import ablate as ablate
    from rltools.ablation._ablate import fitting_second as fitting_second
    from rltools.ablation._ablation import Ablation as Ablation
    from rltools.ablation._certificate import Certificate as Certificate
    from rltools.ablation._coalition_values import CoalitionValues as CoalitionValues
    from rltools.ablation._coalition_values import Interaction as Interaction
    from rltools.ablation._coalition_values import coalitions as coalitions
    from rltools.ablation._coalition_values import drawn_orders as drawn_orders
    from rltools.ablation._coalition_values import hidden_along as hidden_along
    from rltools.ablation._curves import Curve as Curve
    from rltools.ablation._curves import Curves as Curves
    from rltools.ablation._folder import AblationSpec as AblationSpec
    from rltools.ablation._folder import ablation_keys as ablation_keys
    from rltools.ablation._folder import write_ablation as write_ablation
    from rltools.ablation._losses import Losses as Losses
    from rltools.ablation._measure import measure as measure
    from rltools.ablation._open_ablation import ablations as ablations
    from rltools.ablation._open_ablation import open_ablation as open_ablation
    from rltools.ablation._players import Groups as Groups
    from rltools.ablation._players import Players as Players
    from rltools.ablation._players import find_players as find_players
    from rltools.ablation._rollouts import Rollouts as Rollouts
    from rltools.ablation._select_features import select_features_line as select_features_line
    from rltools.ablation._verdicts import RULE as RULE
    from rltools.ablation._verdicts import Verdict as Verdict

_MODULES = {
    "Ablation": "_ablation",
    "AblationSpec": "_folder",
    "Certificate": "_certificate",
    "CoalitionValues": "_coalition_values",
    "Curve": "_curves",
    "Curves": "_curves",
    "Groups": "_players",
    "Interaction": "_coalition_values",
    "Losses": "_losses",
    "Players": "_players",
    "RULE": "_verdicts",
    "Rollouts": "_rollouts",
    "Verdict": "_verdicts",
    "ablate": "_ablate",
    "ablation_keys": "_folder",
    "ablations": "_open_ablation",
    "coalitions": "_coalition_values",
    "drawn_orders": "_coalition_values",
    "find_players": "_players",
    "fitting_second": "_ablate",
    "hidden_along": "_coalition_values",
    "measure": "_measure",
    "open_ablation": "_open_ablation",
    "select_features_line": "_select_features",
    "write_ablation": "_folder",
}
__all__ = [*_MODULES]  # noqa: PLE0604  strings, all of them


def __getattr__(name: str) -> Any:
    """Import a public name when it is used: running episodes loads torch, and reading them does not."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
