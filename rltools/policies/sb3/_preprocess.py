"""From the environment's layout to what a network takes, differentiably.

The library's own preprocessing casts to float32, and turns integers into one-hot vectors where no gradient passes; here
choices are one-hot before a gradient is asked for (see `rltools.spaces.leaves`), and the rest is written out.
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
from rltools.policies.vjp._layers import Divided, Reordered
from rltools.spaces.leaves import Path, leaves

Prepare = Callable[[Any], Any]

CHANNELS_FIRST = (2, 0, 1)


def is_transposed(inner: Space[Any], outer: Space[Any]) -> bool:
    """Whether a network's space `inner` is an environment's image `outer` with its channels put first."""
    if not isinstance(inner, Box) or not isinstance(outer, Box):
        return False
    # One of them is enough: statistics make numbers of the network's image.
    if outer.shape == inner.shape or len(outer.shape) != 3 or not (is_image_space(inner) or is_image_space(outer)):
        return False
    return tuple(outer.shape[axis] for axis in CHANNELS_FIRST) == inner.shape


def as_given(inner: Space[Any], outer: Space[Any]) -> Space[Any]:
    """A network's space in the layout of its environment: its images, and the order of the keys of a Dict."""
    if isinstance(inner, Dict) and isinstance(outer, Dict) and set(inner.spaces) == set(outer.spaces):
        return Dict(OrderedDict((key, as_given(inner[key], part)) for key, part in outer.spaces.items()))
    return outer if is_transposed(inner, outer) else inner


def without_scaled_images(inner: Space[Any], outer: Space[Any], scaled: Collection[Path]) -> Space[Any]:
    """A network's space with the environment's images in the place of normalized ones, which have other bounds.

    Args:
        inner: of the network, in the layout of its environment.
        outer: of the environment.
        scaled: where the arrays are that are normalized.
    """
    if isinstance(inner, Dict) and isinstance(outer, Dict):
        parts = {
            key: without_scaled_images(part, outer[key], [()] if (key,) in scaled else [])
            for key, part in inner.spaces.items()
        }
        return Dict(OrderedDict(parts))
    return outer if () in scaled and is_image_space(outer) else inner


def fits(inner: Space[Any], outer: Space[Any]) -> bool:
    """Whether a network's observations are an environment's, but for the layout of images.

    Raises:
        ArgumentError: observations that are not supported.
    """
    same = [
        [(leaf.path, leaf.shape, leaf.sizes) for leaf in leaves(space)] for space in (as_given(inner, outer), outer)
    ]
    return same[0] == same[1]


def preprocessing(inner: Space[Any], outer: Space[Any], scales_images: bool) -> Prepare | None:
    """From encoded observations of `outer` to what a network takes: images channels first, and in 0..1.

    Args:
        inner: the space of the network.
        outer: the space of the environment, which `inner` fits.
        scales_images: whether the network wants images divided by 255.

    Returns:
        A function of `x [batch, *feature]`, of a Dict one of its arrays by key; None where nothing is to be done.
    """
    if not isinstance(inner, Dict) or not isinstance(outer, Dict):
        return _of_array(inner, outer, scales_images)
    steps = {key: _of_array(part, outer[key], scales_images) for key, part in inner.spaces.items()}
    # In the network's own order, which somebody's extractor may go by.
    return lambda x: {key: x[key] if step is None else step(x[key]) for key, step in steps.items()}


def _of_array(inner: Space[Any], outer: Space[Any], scales_images: bool) -> Prepare | None:
    transposed = is_transposed(inner, outer)
    scaled = scales_images and is_image_space(inner)
    if not transposed and not scaled:
        return None

    reordered = [Reordered((0, *(1 + axis for axis in CHANNELS_FIRST)))] if transposed else []
    return Chain(*reordered, *([Divided(255.0)] if scaled else []))


def unprepared(x: Any, space: Space[Any], *, scaled: bool) -> Any:
    """What a network of a space that prepares observations itself is given, from what `preprocessing` made of them.

    Raises:
        ModelError: choices, of which the library makes one-hot vectors itself, where no gradient passes.
    """
    if isinstance(space, Dict):
        return {key: unprepared(x[key], part, scaled=scaled) for key, part in space.spaces.items()}
    if not isinstance(space, Box | MultiBinary):
        raise ModelError(
            f"a network of {type(space).__name__} observations is hooked or has a forward of its own, and what it is "
            f"given has no gradient; hook or replace its layers instead"
        )
    return x * 255.0 if scaled and is_image_space(space) else x
