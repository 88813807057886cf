"""A policy around any PyTorch module or function; also the library that claims plain modules."""

from rltools.policies.torch_policy._network import HEADS, Head
from rltools.policies.torch_policy._policy import Choose, TorchPolicy, claims, load

__all__ = ["HEADS", "Choose", "Head", "TorchPolicy", "claims", "load"]
