"""Computes attributions of recordings and of any observations, in large batches and without an environment.

Read `_explain.py` first: `explain` binds a spec (`spec.py`), draws references, and passes the recorded steps
(`_read.py`) to `Explainer`, which computes them (`batches.py`) and writes them; `attribute` does the same for arrays.
`_plan.py` and `_cost.py` choose the stride. Imports recording, attributions, targets, policies and what is above.
"""

from rltools.explanation._attribute import attribute
from rltools.explanation._explain import FailedAttributionWarning, LongWorkWarning, explain
from rltools.explanation._plan import Plan, declared_stride, plan_explaining

__all__ = [
    "FailedAttributionWarning",
    "LongWorkWarning",
    "Plan",
    "attribute",
    "declared_stride",
    "explain",
    "plan_explaining",
]
