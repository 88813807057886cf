"""Builds a network from a model's file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Dict, MultiBinary
from gymnasium.spaces.utils import flatdim
from torch import nn

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.actions import count_actions
from rltools.policies.sb3.archive.saved import UNNEEDED, Saved, decode_entry
from rltools.policies.sb3.families import Family, find_family
from rltools.policies.untrusted.decode import decode_array
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.pickles import Record

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
    """Build the network with its weights, in eval mode and frozen, and find its family.

    Raises:
        ModelError: an unsupported policy class, or weights that do not fit the network the file describes.
        UnsafeFileError: a network far larger than its weights.
    """
    policy_class, family = find_family(saved.policy_class, str(saved.path))
    kwargs = decode_entry(lambda: _arguments(saved, policy_class), "policy_kwargs", saved.path)
    decode_entry(lambda: check_size(saved, kwargs), "net_arch", saved.path)
    # A constructor draws random weights, which must not advance the caller's random stream.
    with torch.random.fork_rng(devices=[]):
        try:
            network: nn.Module = policy_class(saved.observation_space, saved.action_space, **kwargs)
        # Arguments from a file can make a constructor raise anything.
        except Exception as error:
            raise ModelError(
                f"{saved.path}: {policy_class.__name__} cannot be built from it: "
                f"{printable(error) or type(error).__name__}"
            ) from error
    _load(network, saved, family)
    return network.eval().requires_grad_(False), family


def _arguments(saved: Saved, policy_class: type[nn.Module]) -> dict[str, Any]:
    parameters = inspect.signature(policy_class).parameters
    kwargs = {key: _plain(value) for key, value in saved.policy_kwargs.items() if key not in UNNEEDED}
    kwargs = {key: value for key, value in kwargs.items() if key in parameters or value is not None}
    unknown = sorted(set(kwargs) - set(parameters))
    if unknown:
        raise ValueError(f"{policy_class.__name__} takes no {', '.join(unknown)}")
    layers = kwargs.get("net_arch")
    if isinstance(layers, list) and any(isinstance(layer, dict) for layer in layers):
        if len(layers) > 1:
            raise ValueError(
                f"layers shared by actor and critic, net_arch={layers}, ended with version 1.8 of the library"
            )
        kwargs["net_arch"] = layers[0]
    if "use_sde" in parameters and saved.settings.get("use_sde") is True:
        kwargs["use_sde"] = True
    if "ortho_init" in parameters:
        kwargs["ortho_init"] = False  # costly, and overwritten by the weights
    if "optimizer_class" in parameters:
        kwargs["optimizer_class"] = _NoOptimizer
    if "lr_schedule" in parameters:
        kwargs["lr_schedule"] = lambda _: 0.0
    return kwargs


class _NoOptimizer:
    """An optimizer that does nothing, because constructing a real one imports torch's compiler."""

    def __init__(self, parameters: Any, lr: float, **rest: Any) -> None:
        """Accept an optimizer's arguments."""


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
        result = network.load_state_dict(adapt(saved.weights), strict=False)
    except RuntimeError as error:
        raise ModelError(f"{saved.path}: its weights do not fit its network: {error}") from error
    shared = getattr(network, "share_features_extractor", False)
    missing = [key for key in result.missing_keys if not (shared and key.startswith(_SHARED))]
    if missing or result.unexpected_keys:
        raise ModelError(
            f"{saved.path}: its weights do not fit its network: missing {missing[:5]}, unexpected "
            f"{result.unexpected_keys[:5]}; save the model again"
        )


# Numbers of submodules, each with weights of its own.
_COUNTS = ("n_critics", "n_lstm_layers")
_STEPS = ("renorm_warmup_steps",)  # numbers of steps, which allocate nothing


def check_size(saved: Saved, kwargs: dict[str, Any]) -> None:
    """Compare a network's layers with the weights in its file, before it is built.

    Args:
        saved: the model.
        kwargs: arguments of its policy class.

    Raises:
        UnsafeFileError: a layer larger than all weights together, or more layers than weights.
    """
    weights, tensors = sum(value.numel() for value in saved.weights.values()), len(saved.weights)
    for name, value in _as_plain(kwargs):
        if isinstance(value, (list, tuple, dict)):
            _check(saved, len(value) > max(tensors, 16), f"{name} of {len(value):,} entries")
        elif type(value) is int and name not in _STEPS:
            _check(saved, value > max(weights, 16), f"{name} of {printable(value)[:40]}")
    for name in _COUNTS:
        _check(saved, int(kwargs.get(name, 1)) > tensors, f"{name} of {printable(kwargs.get(name))}")
    outputs = _outputs(saved) * int(kwargs.get("n_quantiles", 1))
    _check(saved, outputs > weights, f"{outputs:,} outputs")
    parts = kwargs.get("net_arch") or []
    recurrent = "Recurrent" in saved.policy_class  # its layers follow the LSTM
    first = 1 if recurrent or _has_images(saved, kwargs) else flatdim(saved.observation_space)
    for part, widths in parts.items() if isinstance(parts, dict) else [("pi", parts)]:
        layers = [int(width) * int(following) for width, following in pairwise((first, *widths))]
        layers += [int(widths[-1]) * outputs] if part == "pi" and widths else []
        _check(saved, max(layers, default=0) > weights, f"layers {printable(widths[:8])}")
    hidden = int(kwargs.get("lstm_hidden_size", 256 if recurrent else 0))
    _check(saved, 4 * hidden * hidden > weights, f"an LSTM of {hidden:,}")
    extractor = kwargs.get("features_extractor_kwargs") or {}
    for shape in _image_shapes(saved.observation_space) if _has_images(saved, kwargs) else ():
        default, name = (256, "cnn_output_dim") if isinstance(saved.observation_space, Dict) else (512, "features_dim")
        features = int(extractor.get(name, default))
        _check(saved, _convolved(shape) * features > weights, f"{features:,} features of an image of shape {shape}")


def _as_plain(kwargs: Any, name: str = "policy_kwargs") -> Iterator[tuple[str, Any]]:
    """Every value in the arguments, with the name of the argument it belongs to."""
    yield name, kwargs
    if isinstance(kwargs, dict):
        for key, value in kwargs.items():
            yield from _as_plain(value, str(key))
    elif isinstance(kwargs, (list, tuple)):
        for value in kwargs:
            yield from _as_plain(value, name)


def _check(saved: Saved, excessive: bool, description: str) -> None:
    if excessive:
        raise UnsafeFileError(
            f"{saved.path} asks for {description}, more than it has weights for; its network was not built. Save the "
            f"model again"
        )


def _outputs(saved: Saved) -> int:
    """How many outputs the actor has: one per bit, two if masked."""
    counted = count_actions(saved.action_space)
    return counted // 2 if isinstance(saved.action_space, MultiBinary) and "Mask" not in saved.policy_class else counted


def _has_images(saved: Saved, kwargs: dict[str, Any]) -> bool:
    extractor = kwargs.get("features_extractor_class")
    if extractor is None:
        return "Cnn" in saved.policy_class or "MultiInput" in saved.policy_class
    return getattr(extractor, "__name__", "") in ("NatureCNN", "CombinedExtractor")


def _image_shapes(space: Space[Any]) -> list[tuple[int, ...]]:
    if not isinstance(space, Dict):
        return [space.shape] if space.shape is not None and len(space.shape) == 3 else []
    boxes = [part for part in space.spaces.values() if isinstance(part, Box)]
    return [box.shape for box in boxes if len(box.shape) == 3 and box.dtype == np.uint8]


def _convolved(shape: tuple[int, ...]) -> int:
    """The size of the output of NatureCNN's convolutions (kernels 8, 4, 3 with strides 4, 2, 1)."""
    height, width = (max(((side - 8) // 4 + 1 - 4) // 2 - 1, 0) for side in shape[1:])
    return 64 * height * width
