"""A wrapper that leaves an agent only some of what there is to observe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs

from rltools.cards import environment_card
from rltools.envs import environment_spec
from rltools.envs.names import observed_features
from rltools.errors import ArgumentError
from rltools.spaces import Features
from rltools.wrappers._last_observation import check_single


class SelectFeatures(gymnasium.ObservationWrapper[np.ndarray, Any, np.ndarray], RecordConstructorArgs):
    """Keeps some entries of a vector observation, in the order given; their names stay what they were.

    Args:
        env: its observations are vectors.
        keep: names, as the environment's card has them, or positions, from 0 on.

    Attributes:
        positions: of the entries that are kept.

    Raises:
        ArgumentError: observations that are no vectors, nothing to keep, an entry kept twice, or a position that is not
            there.
        UnknownNameError: a name that no entry has; the message lists the nearest ones.

    Example:
        CartPole without velocities, which takes memory to balance:

        >>> import gymnasium, rltools
        >>> env = rltools.SelectFeatures(gymnasium.make("CartPole-v1"), keep=["cart position", "pole angle"])
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape
        (2,)
    """

    def __init__(self, env: gymnasium.Env[Any, Any], keep: Sequence[str | int]) -> None:
        if isinstance(keep, str) or not isinstance(keep, Sequence):
            raise ArgumentError(f"keep is {keep!r:.80}; it must be a list of names or positions of entries")
        check_single(env)
        RecordConstructorArgs.__init__(self, keep=list(keep))
        gymnasium.ObservationWrapper.__init__(self, env)
        space = env.observation_space
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype is None:
            raise ArgumentError(f"SelectFeatures keeps entries of a vector, and {env} gives {space}")
        spec = environment_spec(env)
        features = observed_features(env, None if spec is None else environment_card(spec))
        self.positions = tuple(_position(features, entry) for entry in keep)
        if not self.positions or len(set(self.positions)) < len(self.positions):
            raise ArgumentError(f"keep={list(keep)} must name at least one entry, and each of them once")
        chosen = list(self.positions)
        self.observation_space = Box(space.low[chosen], space.high[chosen], dtype=space.dtype.type)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """The entries that are kept."""
        return observation[list(self.positions)]


def _position(features: Features, entry: str | int) -> int:
    if isinstance(entry, str):
        return features.position(entry)
    if not 0 <= entry < features.size:
        raise ArgumentError(f"there is no entry {entry!r} to keep; the observation has 0 to {features.size - 1}")
    return int(entry)
