"""Policies whose attributions are known in closed form, to measure how far a method is from the truth.

>>> import numpy as np
>>> import rltools
>>> from rltools.testing.truth import truths
>>> truth = truths()["tree"]
>>> x, references = truth.observations(20, seed=0), truth.observations(8, seed=1)
>>> values = rltools.attribute(truth.policy, x, method="shapley", target=truth.target, references=references).values
>>> bool(np.allclose(values[:, 0], truth.shapley(x, references), atol=1e-6))
True

`_truth.py` computes the true values by enumeration and from formulas, without any method of rltools; `_policies.py` has
the policies. May import every room but the command line.
"""

from rltools.testing.truth._policies import truths
from rltools.testing.truth._truth import QUANTITIES, Truth

__all__ = ["QUANTITIES", "Truth", "truths"]
