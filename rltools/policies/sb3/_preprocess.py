"""Differentiable preprocessing, from the environment's observations to the network's input.

The library's own preprocessing casts to float32, and its one-hot encoding of integers has no gradient. Here choices are
one-hot already (see `rltools.spaces.leaves`), and the rest is written out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

from gymnasium import Space
from gymnasium.spaces import Box, Dict, MultiBinary
from stable_baselines3.common.preprocessing import is_image_space

from rltools.errors import ModelError
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import DivideLayer, PermuteLayer
from rltools.spaces.leaves import Path, leaves

Prepare = Callable[[Any], Any]

CHANNELS_FIRST = (2, 0, 1)


def is_transposed(inner: Space[Any], outer: Space[Any]) -> bool:
    """Whether a network's space `inner` is an environment's image `outer` with channels first."""
    if not isinstance(inner, Box) or not isinstance(outer, Box):
        return False
    # One of them is enough: normalized by statistics, the network's image is not an image space.
    if outer.shape == inner.shape or len(outer.shape) != 3 or not (is_image_space(inner) or is_image_space(outer)):
        return False
    return tuple(outer.shape[axis] for axis in CHANNELS_FIRST) == inner.shape


def in_layout_of(inner: Space[Any], outer: Space[Any]) -> Space[Any]:
    """A network's space in the layout of its environment: the axes of images and the order of a Dict's keys."""
    if isinstance(inner, Dict) and isinstance(outer, Dict) and set(inner.spaces) == set(outer.spaces):
        return Dict(OrderedDict((key, in_layout_of(inner[key], part)) for key, part in outer.spaces.items()))
    return outer if is_transposed(inner, outer) else inner


def without_scaled_images(inner: Space[Any], outer: Space[Any], scaled: Collection[Path]) -> Space[Any]:
    """A network's space with the bounds of the environment's images where statistics have changed them.

    Args:
        inner: the network's space, in the layout of its environment.
        outer: the environment's space.
        scaled: paths of the arrays that are normalized by statistics.
    """
    if isinstance(inner, Dict) and isinstance(outer, Dict):
        parts = {
            key: without_scaled_images(part, outer.get(key, part), [()] if (key,) in scaled else [])
            for key, part in inner.spaces.items()
        }
        return Dict(OrderedDict(parts))
    return outer if () in scaled and is_image_space(outer) else inner


def fits(inner: Space[Any], outer: Space[Any]) -> bool:
    """Whether a network's observations are an environment's, up to the layout of images.

    Raises:
        ArgumentError: unsupported observations.
    """
    network, environment = (
        [(leaf.path, leaf.shape, leaf.sizes) for leaf in leaves(space)] for space in (in_layout_of(inner, outer), outer)
    )
    return network == environment


def preprocessing(inner: Space[Any], outer: Space[Any], scales_images: bool) -> Prepare | None:
    """A function from encoded observations of `outer` to the network's input: images channels first and in [0, 1].

    Args:
        inner: the network's space.
        outer: the environment's space, which `inner` fits.
        scales_images: whether the network takes images divided by 255.

    Returns:
        A function of `x [batch, *feature]`, or of a dict of arrays for a Dict; None for the identity.
    """
    if not isinstance(inner, Dict) or not isinstance(outer, Dict):
        return _of_array(inner, outer, scales_images)
    steps = {key: _of_array(part, outer[key], scales_images) for key, part in inner.spaces.items()}
    # In the network's order of keys, which a custom extractor may rely on.
    return lambda x: {key: x[key] if step is None else step(x[key]) for key, step in steps.items()}


def _of_array(inner: Space[Any], outer: Space[Any], scales_images: bool) -> Prepare | None:
    transposed = is_transposed(inner, outer)
    scaled = scales_images and is_image_space(inner)
    if not transposed and not scaled:
        return None

    reordered = [PermuteLayer((0, *(1 + axis for axis in CHANNELS_FIRST)))] if transposed else []
    return Chain(*reordered, *([DivideLayer(255.0)] if scaled else []))


def without_preprocessing(x: Any, space: Space[Any], *, scaled: bool) -> Any:
    """Undo `preprocessing` for a network that preprocesses observations itself.

    Raises:
        ModelError: choices, which the library encodes one-hot itself, without a gradient.
    """
    if isinstance(space, Dict):
        return {key: without_preprocessing(x[key], part, scaled=scaled) for key, part in space.spaces.items()}
    if not isinstance(space, Box | MultiBinary):
        raise ModelError(
            f"a network of {type(space).__name__} observations is hooked or has a forward of its own, and its "
            f"input has no gradient; hook or replace its layers instead"
        )
    return x * 255.0 if scaled and is_image_space(space) else x
