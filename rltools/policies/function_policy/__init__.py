"""Policies around plain functions, without gradients: a decision tree, a rule, a table, a remote call.

`_policy.py` has the policy, `_observations.py` gives the function observations as the environment does, `_calls.py`
calls it, `_outputs.py` checks what it returned, and `_probe.py` tries it before anything is recorded.
"""

from rltools.policies.function_policy._outputs import Returns
from rltools.policies.function_policy._policy import FunctionPolicy

__all__ = ["FunctionPolicy", "Returns"]
