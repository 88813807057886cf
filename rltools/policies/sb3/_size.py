"""How large a network would be, before it claims memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict, MultiBinary
from gymnasium.spaces.utils import flatdim

from rltools.errors import UnsafeFileError
from rltools.policies._actions import count_actions
from rltools.policies.sb3._saved import Saved
from rltools.policies.sb3._unpickle import shown

# Arguments that say how many of something are made, each with weights of its own.
_COUNTS = ("n_critics", "n_lstm_layers")
_UNMADE = ("renorm_warmup_steps",)  # numbers of steps, of which nothing is made


def check_size(saved: Saved, kwargs: dict[str, Any]) -> None:
    """Compare a network's layers with the weights that are there for it.

    Args:
        saved: the model.
        kwargs: what its policy class would be called with.

    Raises:
        UnsafeFileError: a layer is larger than all weights together, or there are more layers than weights.
    """
    there, tensors = sum(value.numel() for value in saved.weights.values()), len(saved.weights)
    for name, value in _plain(kwargs):
        if isinstance(value, (list, tuple, dict)):
            _check(saved, len(value) > max(tensors, 16), f"{name} of {len(value):,} entries")
        elif type(value) is int and name not in _UNMADE:
            _check(saved, value > max(there, 16), f"{name} of {shown(value)[:40]}")
    for name in _COUNTS:
        _check(saved, int(kwargs.get(name, 1)) > tensors, f"{name} of {shown(kwargs.get(name))}")
    outputs = _outputs(saved) * int(kwargs.get("n_quantiles", 1))
    _check(saved, outputs > there, f"{outputs:,} outputs")
    parts = kwargs.get("net_arch") or []
    remembers = "Recurrent" in saved.policy_class  # its layers come after the memory
    first = 1 if remembers or _has_images(saved, kwargs) else flatdim(saved.observation_space)
    for part, widths in parts.items() if isinstance(parts, dict) else [("pi", parts)]:
        layers = [int(one) * int(other) for one, other in pairwise((first, *widths))]
        layers += [int(widths[-1]) * outputs] if part == "pi" and widths else []
        _check(saved, max(layers, default=0) > there, f"layers {shown(widths[:8])}")
    hidden = int(kwargs.get("lstm_hidden_size", 256 if remembers else 0))
    _check(saved, 4 * hidden * hidden > there, f"a memory of {hidden:,}")
    chosen = kwargs.get("features_extractor_kwargs") or {}
    for shape in _image_shapes(saved.observation_space) if _has_images(saved, kwargs) else ():
        default, name = (256, "cnn_output_dim") if isinstance(saved.observation_space, Dict) else (512, "features_dim")
        features = int(chosen.get(name, default))
        _check(saved, _convolved(shape) * features > there, f"{features:,} features of an image of shape {shape}")


def _plain(kwargs: Any, name: str = "policy_kwargs") -> Iterator[tuple[str, Any]]:
    """Everything in the arguments, with the name of the argument it belongs to."""
    yield name, kwargs
    if isinstance(kwargs, dict):
        for key, value in kwargs.items():
            yield from _plain(value, str(key))
    elif isinstance(kwargs, (list, tuple)):
        for value in kwargs:
            yield from _plain(value, name)


def _check(saved: Saved, excessive: bool, what: str) -> None:
    if excessive:
        raise UnsafeFileError(
            f"{saved.path} asks for {what}, more than it has weights for; its network was not made. Save the model "
            f"again"
        )


def _outputs(saved: Saved) -> int:
    """How many scores a network has: a bit's is that it is on, unless it is masked."""
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
    """How many numbers leave the convolutions of NatureCNN (kernels 8, 4, 3 with strides 4, 2, 1)."""
    height, width = (max(((side - 8) // 4 + 1 - 4) // 2 - 1, 0) for side in shape[1:])
    return 64 * height * width
