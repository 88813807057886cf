"""Inputs and outputs of a rebuilt network, by the spaces of the environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from rltools._util.text import plural
from rltools.errors import ArgumentError, MismatchError, argument
from rltools.policies.actions import branches, count_actions
from rltools.policies.saved.chains import CONVOLUTION, Chain
from rltools.policies.saved.rebuilt import Wanted
from rltools.policies.vjp._layers import DivideLayer, PermuteLayer
from rltools.spaces import space_features

HEADS_OF_CHOICES, HEADS_OF_BOXES = ("logit", "q_value"), ("mean", "action")
Part = DivideLayer | PermuteLayer


def observation_size(space: Space[Any]) -> int:
    """How many elements an encoded observation has.

    Example:
        >>> from gymnasium.spaces import Box, Discrete
        >>> observation_size(Box(-1, 1, (4,))), observation_size(Discrete(16))
        (4, 16)
    """
    return int(space_features(space).size)


def deciding_head(wanted: Wanted, default: str | None = None) -> str:
    """The name of the head that decides: the caller's, else the layout's default, else by the actions.

    Args:
        wanted: what the caller knows.
        default: of the layout; None is "logit" for choices and "mean" for a Box.

    Raises:
        ArgumentError: a head that does not decide about such actions.
    """
    allowed = HEADS_OF_CHOICES if branches(wanted.action_space) else HEADS_OF_BOXES
    head = wanted.head or default or allowed[0]
    if head not in allowed:
        raise ArgumentError(
            f"the head {head!r} does not choose among {wanted.action_space}; give "
            f"{' or '.join(argument('head', repr(name)) for name in allowed)}"
        )
    return head


def image_input(space: Space[Any], channels: int) -> tuple[tuple[Part, ...], tuple[int, int, int]]:
    """How an image goes into convolutions: channels first, bytes divided by 255; and its shape `[channel, y, x]`.

    Args:
        space: of observations.
        channels: that the first convolution takes.

    Raises:
        MismatchError: observations that are no images with so many channels.

    Example:
        >>> import numpy as np
        >>> from gymnasium.spaces import Box
        >>> image_input(Box(0, 255, (84, 84, 3), np.uint8), 3)
        ((PermuteLayer(order=(0, 3, 1, 2)), DivideLayer(by=255)), (3, 84, 84))
    """
    shape = tuple(space.shape or ())
    if isinstance(space, Box) and len(shape) == 3:
        scale = (DivideLayer(255),) if space.dtype == np.uint8 else ()
        if shape[0] == channels:
            return scale, (shape[0], shape[1], shape[2])
        if shape[2] == channels:
            return (PermuteLayer((0, 3, 1, 2)), *scale), (shape[2], shape[0], shape[1])
    raise MismatchError(
        f"the network takes images of {plural(channels, 'channel')} and the environment gives {space}; give the "
        f"environment it was trained in, with its wrappers, as {argument('env')}"
    )


def check_ends(chain: Chain, wanted: Wanted, *, outputs: int | None = None) -> None:
    """Check that a chain takes the environment's observations and returns as many numbers as there are actions.

    Args:
        chain: of a network from observations to scores; images are compared by `image_input`.
        wanted: has the spaces.
        outputs: how many numbers it has to return; None for one per action.

    Raises:
        MismatchError: it does not; the message has both.
    """
    size, count = observation_size(wanted.observation_space), outputs or count_actions(wanted.action_space)
    taken = size if chain.layers[0].kind == CONVOLUTION else chain.inputs
    if (taken, chain.outputs) != (size, count):
        raise MismatchError(
            f"the network {chain} takes {plural(chain.inputs, 'input')} and returns {plural(chain.outputs, 'number')}, "
            f"and the environment has {plural(size, 'feature')} and "
            f"{plural(count, 'action' if outputs is None else 'output')}; give the environment it was trained in as "
            f"{argument('env')}"
        )
