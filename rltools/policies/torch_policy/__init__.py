"""A policy around any PyTorch module or function; also the library that claims plain modules.

`_policy.py` has `TorchPolicy` and is the file to read first; its base class in `_network.py` computes the heads.
"""

from rltools.policies.torch_policy._network import HEADS, Head
from rltools.policies.torch_policy._policy import Choose, TorchPolicy, claims, load

CLAIMS_LAST = True
"""Libraries whose models are modules, too, are asked before this one; see `rltools.policies.library`."""

__all__ = ["HEADS", "Choose", "Head", "TorchPolicy", "claims", "load"]
