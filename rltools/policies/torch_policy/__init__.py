"""A policy around any PyTorch module or function; also the library that claims plain modules."""

from rltools.policies.torch_policy._library import claims, load
from rltools.policies.torch_policy._policy import HEADS, Choose, Head, TorchPolicy

__all__ = ["HEADS", "Choose", "Head", "TorchPolicy", "claims", "load"]
