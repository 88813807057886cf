"""A wrapper that keeps only some features of an observation."""

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
    """Keeps some features of a vector observation, in a given order; their names stay as they are.

    Args:
        env: an environment with vector observations.
        keep: names, as in the environment's card, or positions from 0.

    Attributes:
        positions: the positions of the features that are kept.

    Raises:
        ArgumentError: observations are not vectors, `keep` is empty or repeats a feature, or a position does not exist.
        UnknownNameError: no feature has this name; the message lists similar ones.

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
            raise ArgumentError(f"keep is {keep!r:.80}; it must be a list of names or positions of features")
        check_single(env)
        RecordConstructorArgs.__init__(self, keep=list(keep))
        gymnasium.ObservationWrapper.__init__(self, env)
        space = env.observation_space
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype is None:
            raise ArgumentError(f"SelectFeatures keeps features of a vector, and {env} gives {space}")
        spec = environment_spec(env)
        features = observed_features(env, None if spec is None else environment_card(spec))
        self.positions: tuple[int, ...] = tuple(
            feature_position(features, name_or_position, "keep") for name_or_position in keep
        )
        if not self.positions or len(set(self.positions)) < len(self.positions):
            raise ArgumentError(f"keep={list(keep)} must name at least one feature, and each only once")
        chosen = list(self.positions)
        self.observation_space = Box(space.low[chosen], space.high[chosen], dtype=space.dtype.type)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """The features that are kept."""
        return observation[list(self.positions)]


def feature_position(features: Features, name_or_position: str | int, purpose: str) -> int:
    """The position of a feature that is given by its name or its position; `purpose` is the verb of the error.

    Raises:
        ArgumentError: no feature has this position.
        UnknownNameError: no feature has this name.
    """
    if isinstance(name_or_position, str):
        return features.position(name_or_position)
    if not hasattr(name_or_position, "__index__") or not 0 <= name_or_position < features.size:
        last = features.size - 1
        raise ArgumentError(f"there is no feature {name_or_position!r} to {purpose}; positions are 0 to {last}")
    return int(name_or_position)
