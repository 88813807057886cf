"""The statistics that libraries keep in a checkpoint: of observations, and of the values that a critic estimates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rltools.errors import ArgumentError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.saved.rebuilt import Wanted
from rltools.policies.saved.statistics import normalization
from rltools.spaces import space_features


def own_normalization(wanted: Wanted, mean: Tensor, std: Tensor, limit: float = float("inf")) -> Normalization:
    """`clip((x - mean) / std, -limit, limit)` by the statistics in a file.

    Args:
        wanted: what the caller knows.
        mean: one number per element of an observation, in any shape.
        std: as many numbers, with whatever the library adds to each.
        limit: the largest normalized magnitude.

    Raises:
        ArgumentError: the caller gives statistics, too.
        MismatchError: the environment has another number of elements.
    """
    if wanted.statistics is not None:
        raise ArgumentError(
            f"the file has the statistics of its observations, and others were given with {argument('normalize')}; "
            f"leave them out"
        )
    return normalization(space_features(wanted.observation_space).shape, mean, std, limit)


class ValueScale(nn.Module):
    """Undoes the normalization of a critic's estimates: `std * clip(value, -limit, limit) + mean`.

    Args:
        mean: a number.
        std: a number, with whatever the library adds to it.
        limit: the largest normalized magnitude.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, limit: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean.detach().float().reshape(-1))
        self.register_buffer("std", std.detach().float().reshape(-1))
        self.limit = limit

    def forward(self, value: Tensor) -> Tensor:
        """`[batch, 1]` -> `[batch, 1]`."""
        return self.std * torch.clamp(value, -self.limit, self.limit) + self.mean
