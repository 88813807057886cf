"""From the environment's layout and units to what a network takes, differentiably.

The library's own preprocessing casts to float32 and runs outside the graph, so it is written out here.
"""

from __future__ import annotations

from gymnasium.spaces import Box
from stable_baselines3.common.preprocessing import is_image_space
from torch import Tensor

from rltools.errors import MismatchError
from rltools.policies.sb3._normalize import Statistics
from rltools.policies.torch_policy import Head

CHANNELS_FIRST = (2, 0, 1)


def is_transposed(inner: Box, outer: Box) -> bool:
    """Whether a network's space `inner` is an environment's image `outer` with its channels put first."""
    if outer.shape == inner.shape or len(outer.shape) != 3 or not is_image_space(inner):
        return False
    return tuple(outer.shape[axis] for axis in CHANNELS_FIRST) == inner.shape


def preprocessing(inner: Box, outer: Box, scales_images: bool, statistics: Statistics | None) -> Head:
    """A function `x [batch, *outer] -> [batch, *inner]`: statistics, channels first, images to 0..1.

    Args:
        inner: the space of the network.
        outer: the space of the environment, of the same shape or transposed.
        scales_images: whether the network wants images divided by 255.
        statistics: of observations, in the layout of either space.

    Raises:
        MismatchError: statistics of another shape.
    """
    transposed = is_transposed(inner, outer)
    early = statistics if statistics is not None and tuple(statistics.mean.shape) == outer.shape else None
    late = statistics if early is None else None
    if late is not None and tuple(late.mean.shape) != inner.shape:
        raise MismatchError(
            f"the statistics of {late.origin} are of shape {list(late.mean.shape)} and the observations of shape "
            f"{list(outer.shape)}; give the statistics the agent was trained with as normalize="
        )
    scaled = scales_images and is_image_space(inner)

    def preprocess(x: Tensor) -> Tensor:
        if early is not None:
            x = early.apply(x)
        if transposed:
            x = x.permute(0, 3, 1, 2)
        if late is not None:
            x = late.apply(x)
        return x / 255.0 if scaled else x

    return preprocess
