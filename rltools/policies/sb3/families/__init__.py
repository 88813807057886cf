"""Families of networks with the same heads: one file each, found by its place.

A family is a module with

```
CLASSES: the policy classes it knows
INFERENCE: names of the methods its heads stand for; a subclass that overrides one of them is not of the family
SHOWS_NORMALIZATION: whether a saved model says if it was trained on normalized observations
def outputs(network, settings) -> Outputs: ...
def adapt(weights) -> weights: ...              (optional) weights as older versions named them
```

What there is, of Stable-Baselines3 and sb3-contrib:

| algorithm | actions | heads | observations |
|---|---|---|---|
| PPO, A2C, TRPO | Discrete, MultiDiscrete, MultiBinary | logit, value | all |
| the same | Box, with gSDE and squashed too | mean, action, value | all |
| MaskablePPO | Discrete, MultiDiscrete, MultiBinary | logit, value | all |
| RecurrentPPO | as PPO | as PPO, of an observation and what is remembered | all |
| DQN, QR-DQN | Discrete | q_value | all |
| SAC, TQC, CrossQ | Box, with gSDE too | mean, action, q_value | all, CrossQ no Dict |
| TD3, DDPG | Box | mean, action, q_value | all |
| ARS | Discrete; Box | logit; mean, action | all but Dict |

Observations are Box, images among them, Discrete, MultiDiscrete, MultiBinary, and a Dict of these. "mean" is before a
tanh or the bounds, "action" what the environment receives. Extractors of features may be shared or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from torch import nn

from rltools._util.discovery import modules_in
from rltools.errors import ModelError

if TYPE_CHECKING:
    from rltools.policies.sb3._heads import Heads


class Family(Protocol):
    """What a module in this folder offers."""

    CLASSES: tuple[type[nn.Module], ...]
    INFERENCE: tuple[str, ...]
    SHOWS_NORMALIZATION: bool

    def outputs(self, network: Any, settings: Mapping[str, Any]) -> Heads:
        """The heads of a network; `settings` is what is known of its algorithm."""
        ...


def find_family(qualified: str, where: str) -> tuple[type[nn.Module], Family]:
    """The policy class of this qualified name, and its family.

    Raises:
        ModelError: no family knows it.
    """
    for family in _families():
        for known in family.CLASSES:
            if f"{known.__module__}.{known.__qualname__}" == qualified:
                return known, family
    raise ModelError(f"{where}: the policy class {qualified} is not supported; supported are {_supported()}")


def family_of(network: nn.Module) -> Family:
    """The family of a live network: of its class, or of the one it derives from while it leaves inference alone.

    Raises:
        ModelError: no family knows it.
    """
    own = type(network)
    for family in _families():
        for known in family.CLASSES:
            derived = issubclass(own, known) and not own.__module__.startswith(("stable_baselines3.", "sb3_contrib."))
            if own is known or (derived and all(getattr(own, m) is getattr(known, m) for m in family.INFERENCE)):
                return family
    raise ModelError(
        f"the policy class {own.__module__}.{own.__qualname__} is not supported; supported are {_supported()}, and "
        f"classes derived from them that keep their inference methods. Make a TorchPolicy with your own heads instead"
    )


def _families() -> Iterator[Family]:
    for name in modules_in(__name__):
        yield cast("Family", import_module(f"{__name__}.{name}"))


def _supported() -> str:
    return ", ".join(f"{known.__module__}.{known.__qualname__}" for family in _families() for known in family.CLASSES)
