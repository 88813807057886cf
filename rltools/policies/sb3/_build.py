"""From what a zip says to the network."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from rltools.errors import ModelError
from rltools.policies.sb3._decode import decode_array
from rltools.policies.sb3._saved import UNNEEDED, Saved, meaning
from rltools.policies.sb3._size import check_size
from rltools.policies.sb3._unpickle import Record, shown
from rltools.policies.sb3.families import Family, find_family

_ACTIVATIONS = frozenset(
    {
        nn.CELU,
        nn.ELU,
        nn.GELU,
        nn.Hardshrink,
        nn.Hardsigmoid,
        nn.Hardswish,
        nn.Hardtanh,
        nn.LeakyReLU,
        nn.LogSigmoid,
        nn.Mish,
        nn.PReLU,
        nn.RReLU,
        nn.ReLU,
        nn.ReLU6,
        nn.SELU,
        nn.SiLU,
        nn.Sigmoid,
        nn.Softplus,
        nn.Softshrink,
        nn.Softsign,
        nn.Tanh,
        nn.Tanhshrink,
    }
)
_EXTRACTORS = ("FlattenExtractor", "NatureCNN", "CombinedExtractor")
_SHARED = ("pi_features_extractor.", "vf_features_extractor.")


def build(saved: Saved) -> tuple[nn.Module, Family]:
    """The network with its weights, in eval mode and frozen, and the family that knows its heads.

    Raises:
        ModelError: a policy class that is not supported, or weights that do not fit what the zip says of the network.
        UnsafeFileError: a network far larger than its weights.
    """
    policy_class, family = find_family(saved.policy_class, str(saved.path))
    kwargs = meaning(lambda: _arguments(saved, policy_class), "policy_kwargs", saved.path)
    meaning(lambda: check_size(saved, kwargs), "net_arch", saved.path)
    # A constructor draws random weights: the caller's random stream must not notice.
    with torch.random.fork_rng(devices=[]):
        try:
            network: nn.Module = policy_class(saved.observation_space, saved.action_space, **kwargs)
        # Whatever a constructor dislikes about arguments from a file is a fault of the file.
        except Exception as error:
            raise ModelError(
                f"{saved.path}: {policy_class.__name__} cannot be made of it: {shown(error) or type(error).__name__}"
            ) from error
    _load(network, saved, family)
    return network.eval().requires_grad_(False), family


def _arguments(saved: Saved, policy_class: type[nn.Module]) -> dict[str, Any]:
    known = inspect.signature(policy_class).parameters
    kwargs = {key: _plain(value) for key, value in saved.policy_kwargs.items() if key not in UNNEEDED}
    kwargs = {key: value for key, value in kwargs.items() if key in known or value is not None}
    unknown = sorted(set(kwargs) - set(known))
    if unknown:
        raise ValueError(f"{policy_class.__name__} takes no {', '.join(unknown)}")
    layers = kwargs.get("net_arch")
    if isinstance(layers, list) and any(isinstance(layer, dict) for layer in layers):
        if len(layers) > 1:
            raise ValueError(
                f"layers shared by actor and critic, net_arch={layers}, ended with version 1.8 of the library"
            )
        kwargs["net_arch"] = layers[0]
    if "use_sde" in known and saved.settings.get("use_sde") is True:
        kwargs["use_sde"] = True
    if "ortho_init" in known:
        kwargs["ortho_init"] = False  # costly, and overwritten at once
    if "optimizer_class" in known:
        kwargs["optimizer_class"] = _NoOptimizer
    if "lr_schedule" in known:
        kwargs["lr_schedule"] = lambda _: 0.0
    return kwargs


class _NoOptimizer:
    """Stands where a policy wants an optimizer: nothing is trained, and making a real one imports torch's compiler."""

    def __init__(self, parameters: Any, lr: float, **rest: Any) -> None:
        """Take what an optimizer takes, and drop it."""


def _plain(value: Any) -> Any:
    if isinstance(value, type) and issubclass(value, Record):
        return _class(value.qualified)
    if isinstance(value, Record):
        return decode_array(value).item()
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{type(value).__name__} where plain data belongs")


def _class(qualified: str) -> type:
    module, _, name = qualified.rpartition(".")
    for activation in _ACTIVATIONS:
        if qualified == f"{activation.__module__}.{activation.__name__}":
            return activation
    if module == "stable_baselines3.common.torch_layers" and name in _EXTRACTORS:
        from stable_baselines3.common import torch_layers

        extractor: type = getattr(torch_layers, name)
        return extractor
    raise ValueError(f"{qualified} is not supported in a network; load the model yourself and give the live one")


def _load(network: nn.Module, saved: Saved, family: Family) -> None:
    adapt = getattr(family, "adapt", dict)
    try:
        found = network.load_state_dict(adapt(saved.weights), strict=False)
    except RuntimeError as error:
        raise ModelError(f"{saved.path}: its weights do not fit its network: {error}") from error
    shared = getattr(network, "share_features_extractor", False)
    missing = [key for key in found.missing_keys if not (shared and key.startswith(_SHARED))]
    if missing or found.unexpected_keys:
        raise ModelError(
            f"{saved.path}: its weights do not fit its network: missing {missing[:5]}, unexpected "
            f"{found.unexpected_keys[:5]}; save the model again"
        )
