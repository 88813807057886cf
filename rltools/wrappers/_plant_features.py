"""A wrapper that appends features of known worth to an observation."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs

from rltools._util.limits import check_count
from rltools.cards import environment_card
from rltools.envs import environment_spec
from rltools.envs.names import observed_features
from rltools.errors import ArgumentError
from rltools.wrappers._last_observation import check_single
from rltools.wrappers._select_features import feature_position

MOST = 1_000
"""Features of one kind, and steps of a delay."""
_STREAM = 0x706C616E74
"""Makes the seed of planted noise differ from every seed that an environment derives from the same number."""
_FARTHEST = 10.0
"""Standard deviations that bound noise: a normal draw is never that far out."""


@dataclass(frozen=True)
class Planted:
    """A feature that is appended.

    Attributes:
        kind: "inert" is always 0; "noise" is a standard normal draw of its own at each step; "copy" is another feature,
            as it is now or was earlier; "noisy copy" adds normal noise to it.
        source: position of the feature that is copied; -1 for inert features and noise.
        steps: how many steps ago the copied value was observed.
        std: of the noise.
    """

    kind: Literal["inert", "noise", "copy", "noisy copy"]
    source: int = -1
    steps: int = 0
    std: float = 0.0


class PlantFeatures(gymnasium.Wrapper[np.ndarray, Any, np.ndarray, Any], RecordConstructorArgs):
    """Appends features whose worth is known to a vector observation, to test what a method says of them.

    They follow the environment's own features in the order of the arguments. Nothing else changes: noise has a random
    generator of its own, seeded by the seed of `reset`, so the environment's stream is as without it.

    Args:
        env: an environment with vector observations; put `gymnasium.wrappers.FlattenObservation` around another first.
        inert: how many features to append that are always 0.
        noise: how many to append that are standard normal draws, independent of everything and of each other.
        copies: features to append once more: names, as in the environment's card, or positions from 0.
        delayed: pairs of a feature and a number of steps: its value that many steps ago, or that of the reset in the
            first steps of an episode.
        noisy: pairs of a feature and a std: its value plus normal noise of that std, in the feature's unit.

    Attributes:
        planted: what is appended, in order.

    Raises:
        ArgumentError: observations are not vectors, nothing is planted, a feature is planted twice in the same way, or
            a number is out of range.
        UnknownNameError: no feature has this name; the message lists similar ones.

    Example:
        >>> import gymnasium, rltools
        >>> env = gymnasium.make("CartPole-v1")
        >>> env = rltools.PlantFeatures(env, noise=1, copies=["pole angle"], delayed=[("pole angle", 3)])
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, bool(observation[5] == observation[2])
        ((7,), True)
        >>> [(planted.kind, planted.steps) for planted in env.planted]
        [('noise', 0), ('copy', 0), ('copy', 3)]
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        inert: int = 0,
        noise: int = 0,
        copies: Sequence[str | int] = (),
        delayed: Sequence[tuple[str | int, int]] = (),
        noisy: Sequence[tuple[str | int, float]] = (),
    ) -> None:
        check_single(env)
        check_count("inert", inert, least=0, most=MOST)
        check_count("noise", noise, least=0, most=MOST)
        copies = _checked_list("copies", copies)
        delayed, noisy = _checked_pairs("delayed", delayed), _checked_pairs("noisy", noisy)
        RecordConstructorArgs.__init__(
            self,
            inert=int(inert),
            noise=int(noise),
            copies=copies,
            delayed=[list(pair) for pair in delayed],
            noisy=[list(pair) for pair in noisy],
        )
        gymnasium.Wrapper.__init__(self, env)
        space = env.observation_space
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype is None:
            raise ArgumentError(
                f"PlantFeatures appends to a vector, and {env} gives {space}; put "
                f"gymnasium.wrappers.FlattenObservation around it first"
            )
        spec = environment_spec(env)
        features = observed_features(env, None if spec is None else environment_card(spec))
        for _, steps in delayed:
            check_count("the delay", steps, most=MOST)
        for name, std in noisy:
            if isinstance(std, bool) or not isinstance(std, Real) or not 0 < float(std) < inf:
                raise ArgumentError(f"the std of the noise of {name!r} is {std!r}; it must be a number above 0")
        self.planted: tuple[Planted, ...] = (
            *[Planted("inert")] * inert,
            *[Planted("noise", std=1.0)] * noise,
            *(Planted("copy", feature_position(features, name, "copy")) for name in copies),
            *(Planted("copy", feature_position(features, name, "copy"), steps=int(steps)) for name, steps in delayed),
            *(Planted("noisy copy", feature_position(features, name, "copy"), std=float(std)) for name, std in noisy),
        )
        _check_planted(self.planted)
        self.observation_space = _longer_space(space, self.planted)
        # The observations that delayed copies still need, the latest last.
        self._recent: deque[np.ndarray] = deque(maxlen=1 + max(planted.steps for planted in self.planted))
        self._random = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """The first observation of an episode, with the planted features, and its info."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._random = np.random.default_rng([seed, _STREAM])
        self._recent.clear()
        return self._longer(observation), info

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """What the environment returns, with the planted features at the end of the observation."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._longer(observation), reward, terminated, truncated, info

    def _longer(self, observation: np.ndarray) -> np.ndarray:
        self._recent.append(np.array(observation))
        dtype = self.observation_space.dtype
        return np.concatenate([observation, [self._value(planted) for planted in self.planted]]).astype(dtype)

    def _value(self, planted: Planted) -> float:
        noise = planted.std * self._random.standard_normal() if planted.std else 0.0
        if planted.source < 0:
            return noise
        earlier = self._recent[max(0, len(self._recent) - 1 - planted.steps)]
        return float(earlier[planted.source]) + noise


def _checked_list(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ArgumentError(f"{name} is {values!r:.80}; it must be a list")
    return list(values)


def _checked_pairs(name: str, values: Any) -> list[tuple[Any, Any]]:
    pairs = _checked_list(name, values)
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            number = "a number of steps" if name == "delayed" else "the std of its noise"
            raise ArgumentError(f"{name} holds {pair!r:.80}; it must hold pairs of a feature and {number}")
    return [(first, second) for first, second in pairs]


def _check_planted(planted: Sequence[Planted]) -> None:
    if not planted:
        raise ArgumentError("nothing is planted; give inert=, noise=, copies=, delayed= or noisy=")
    copied = [(each.kind, each.source, each.steps) for each in planted if each.source >= 0]
    for each in copied:
        if copied.count(each) > 1:
            kind, source, steps = each
            raise ArgumentError(f"the {kind} of feature {source}, {steps} steps ago, is planted twice; give it once")


def _longer_space(space: Box, planted: Sequence[Planted]) -> Box:
    """The space with the planted features; one of whole numbers becomes one of floats if there is noise."""
    dtype: Any = np.result_type(space.dtype, np.float32) if any(each.std for each in planted) else space.dtype
    sources = [each.source for each in planted]
    low, high = (np.where(np.less(sources, 0), 0, bound[sources]) for bound in (space.low, space.high))
    inert = np.array([each.kind == "inert" for each in planted])
    reach = _FARTHEST * np.array([each.std for each in planted])
    low, high = low - reach, high + reach + inert
    return Box(
        np.concatenate([space.low, low]).astype(dtype), np.concatenate([space.high, high]).astype(dtype), dtype=dtype
    )
