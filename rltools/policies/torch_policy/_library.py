"""Plain modules as policies."""

from __future__ import annotations

import torch
from torch import nn

from rltools.errors import ArgumentError
from rltools.policies import Known
from rltools.policies.torch_policy._policy import TorchPolicy


def claims(source: object) -> bool:
    """Any module; libraries with modules of their own come before this one."""
    return isinstance(source, nn.Module)


def load(source: nn.Module, known: Known) -> TorchPolicy:
    """A policy around a module, with the spaces of its environment.

    Raises:
        ArgumentError: no environment given, or statistics, which a plain module has none of.
    """
    around = known.environment
    if around is None:
        raise ArgumentError(
            f"a {type(source).__name__} does not say what it observes; give env=, or make a TorchPolicy with its spaces"
        )
    if known.normalize not in (None, False):
        raise ArgumentError("normalize is for models of libraries that keep statistics; put it into the module itself")
    return TorchPolicy(
        source,
        around.observation_space,
        around.action_space,
        name=known.name,
        features=around.features,
        action_names=around.action_names,
        environment=around.spec,
        dtype=known.dtype or torch.float32,
    )
