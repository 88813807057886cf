"""How large a network would be, before it claims memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from rltools.errors import UnsafeFileError
from rltools.policies._surroundings import count_actions
from rltools.policies.sb3._saved import Saved


def check_size(saved: Saved, kwargs: dict[str, Any]) -> None:
    """Compare a network's layers with the weights that are there for it.

    Args:
        saved: the model.
        kwargs: what its policy class would be called with.

    Raises:
        UnsafeFileError: a layer is larger than all weights together, or there are more layers than weights.
    """
    there = sum(value.numel() for value in saved.weights.values())
    extractor = kwargs.get("features_extractor_class")
    named = "NatureCNN" if extractor is None and "Cnn" in saved.policy_class else getattr(extractor, "__name__", "")
    inputs = 1 if named == "NatureCNN" else int(np.prod(saved.observation_space.shape))
    outputs = count_actions(saved.action_space) * int(kwargs.get("n_quantiles", 1))
    parts = kwargs.get("net_arch") or []
    for part, widths in parts.items() if isinstance(parts, dict) else [("pi", parts)]:
        last = (outputs,) if part == "pi" else ()
        layers = [int(first) * int(second) for first, second in pairwise((inputs, *widths, *last))]
        _check(saved, max(layers, default=0) > there or len(layers) > len(saved.weights), f"layers {widths[:8]}")
    _check(saved, outputs > there, f"{outputs} outputs")
    _check(saved, int(kwargs.get("n_critics", 1)) > len(saved.weights), f"{kwargs.get('n_critics')} critics")
    if named == "NatureCNN":
        features = int((kwargs.get("features_extractor_kwargs") or {}).get("features_dim", 512))
        _check(saved, _convolved(saved.observation_space.shape) * features > there, f"{features} features of an image")


def _check(saved: Saved, excessive: bool, what: str) -> None:
    if excessive:
        raise UnsafeFileError(f"{saved.path} asks for {what}, more than it has weights for; its network was not made")


def _convolved(shape: tuple[int, ...]) -> int:
    """How many numbers leave the convolutions of NatureCNN (kernels 8, 4, 3 with strides 4, 2, 1)."""
    sides = [max(((side - 8) // 4 + 1 - 4) // 2 - 1, 0) for side in shape[1:]]
    return 64 * int(np.prod(sides))
