"""Families of policy networks with the same heads: one file each, found by its place.

A family is a module with

```
CLASSES: its policy classes
ALGORITHMS: the algorithms that save models of these classes; a trusted file is loaded by one of them
INFERENCE: names of the methods its heads stand for; a subclass that overrides one of them is not in the family
SHOWS_NORMALIZATION: whether a saved model says if it was trained on normalized observations
def make_heads(network, settings) -> Heads: ...
SETTINGS: (optional) attributes of a live algorithm that `make_heads` reads from `settings`
def adapt(weights) -> weights: ...  (optional) weights of older versions under their current names
def class_of_weights(names, kwargs) -> type | None: ...  (optional) the class whose policy.save() wrote such weights
UNSAVED: (optional) arguments of the class that policy.save() omits
```

Families of Stable-Baselines3 and sb3-contrib:

| algorithm | actions | heads | observations |
|---|---|---|---|
| PPO, A2C, TRPO | Discrete, MultiDiscrete, MultiBinary | logit, value | all |
| the same | Box, with gSDE and squashed too | mean, action, value | all |
| MaskablePPO | Discrete, MultiDiscrete, MultiBinary | logit, value | all |
| RecurrentPPO | as PPO | as PPO, of the observation and the recurrent state | all |
| DQN, QR-DQN | Discrete | q_value | all |
| SAC, TQC, CrossQ | Box, with gSDE too | mean, action, q_value | all, CrossQ no Dict |
| TD3, DDPG | Box | mean, action, q_value | all |
| ARS | Discrete; Box | logit; mean, action | all but Dict |

Observations are Box, images among them, Discrete, MultiDiscrete, MultiBinary, and a Dict of these. "mean" is before a
tanh or the bounds, "action" what the environment receives. Feature extractors may be shared or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from torch import nn

from rltools._util.discovery import modules_in
from rltools.errors import ModelError

if TYPE_CHECKING:
    from rltools.policies.sb3._heads import Heads


class Family(Protocol):
    """The members that every module in this folder has."""

    CLASSES: tuple[type[nn.Module], ...]
    ALGORITHMS: tuple[type, ...]
    INFERENCE: tuple[str, ...]
    SHOWS_NORMALIZATION: bool

    def make_heads(self, network: Any, settings: Mapping[str, Any]) -> Heads:
        """The heads of a network; `settings` is what is known about its algorithm."""
        ...


@cache
def families() -> tuple[Family, ...]:
    """All families; importing them imports Stable-Baselines3 and sb3-contrib."""
    from rltools.policies.sb3._composition import remember_methods

    modules = tuple(cast("Family", import_module(f"{__name__}.{name}")) for name in modules_in(__name__))
    for family in modules:
        remember_methods(family.CLASSES)
    return modules


def find_family(qualified: str, path: str) -> tuple[type[nn.Module], Family]:
    """The policy class of this qualified name, and its family.

    Raises:
        ModelError: no family has it; the message begins with `path`.
    """
    for family in families():
        for cls in family.CLASSES:
            if qualified_name(cls) == qualified:
                return cls, family
    raise ModelError(f"{path}: the policy class {qualified} is not supported; supported are {_supported()}")


def family_of(network: nn.Module) -> Family:
    """The family of a live network, by its class or the class it derives its inference methods from.

    Raises:
        ModelError: no family has it.
    """
    own = type(network)
    for family in families():
        for cls in family.CLASSES:
            derived = issubclass(own, cls) and not own.__module__.startswith(("stable_baselines3.", "sb3_contrib."))
            if own is cls or (derived and all(getattr(own, m) is getattr(cls, m) for m in family.INFERENCE)):
                return family
    raise ModelError(
        f"the policy class {qualified_name(own)} is not supported; supported are {_supported()}, and classes derived "
        f"from them that keep their inference methods. Make a TorchPolicy with your own heads instead"
    )


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> tuple[type[nn.Module], Mapping[str, Any]]:
    """The class whose `policy.save()` wrote weights of these names, and the arguments that such a file omits.

    Raises:
        LookupError: no family claims them, or the file lacks something; the message says what kind of file it is.
    """
    for family in families():
        infer = getattr(family, "class_of_weights", None)
        cls = None if infer is None else infer(names, kwargs)
        if cls is not None:
            return cls, getattr(family, "UNSAVED", {})
    raise LookupError(f"a policy alone, and its weights do not reveal its class ({', '.join(names[:3])}, ...)")


def qualified_name(cls: type) -> str:
    """`module.Class`, as a pickle names it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _supported() -> str:
    return ", ".join(qualified_name(cls) for family in families() for cls in family.CLASSES)
