"""A wrapper that sets the statistics of `NormalizeObservation` to those of a policy's training."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from rltools.envs import checked_statistics, freeze, normalizers
from rltools.errors import ArgumentError


class FrozenStatistics(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Sets the statistics of an inner `NormalizeObservation` to those of the training, and freezes them.

    Nothing else changes. `rltools.record` does this by itself for the training environment; this wrapper is
    for functions that make environments, and for the wrappers in an agent's card.

    Args:
        env: an environment with a `NormalizeObservation` inside, or another wrapper with statistics in `obs_rms`.
        mean: `[*observation]`.
        var: variance, `[*observation]`; at least 0.
        number: which of several such wrappers, from 0, the innermost.
        dtype: the dtype of the statistics, for instance "float32"; None leaves it as it is.

    Raises:
        ArgumentError: there is no such wrapper, or the statistics have another shape than its observations.

    Example:
        >>> import gymnasium, rltools
        >>> env = gymnasium.wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))
        >>> env = rltools.FrozenStatistics(env, mean=[0, 0, 0, 0], var=[1, 4, 1, 4])
        >>> observation, info = env.reset(seed=0)
        >>> env.env.obs_rms.mean.tolist()
        [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], mean: Any, var: Any, number: int = 0, dtype: str | None = None
    ) -> None:
        gymnasium.Wrapper.__init__(self, env)
        wrappers = normalizers(env)
        if not wrappers:
            raise ArgumentError(
                f"{env} has no wrapper that keeps statistics of observations; put "
                f"gymnasium.wrappers.NormalizeObservation around the environment first: "
                f"rltools.FrozenStatistics(NormalizeObservation(env), mean=..., var=...)"
            )
        if not 0 <= number < len(wrappers):
            names = ", ".join(f"{index} {type(wrapper).__name__}" for index, wrapper in enumerate(wrappers))
            raise ArgumentError(
                f"number is {number}, and the wrappers of {env} that keep statistics of observations are {names}, from "
                f"the innermost one; give one of these numbers"
            )
        shape = np.shape(wrappers[number].obs_rms.mean)
        means, variances = checked_statistics(mean, shape, "mean", dtype), checked_statistics(var, shape, "var", dtype)
        if (variances < 0).any():
            raise ArgumentError(f"var holds {variances.min()}; a variance is at least 0")
        RecordConstructorArgs.__init__(
            self, mean=means.tolist(), var=variances.tolist(), number=number, dtype=means.dtype.name
        )
        freeze(wrappers[number], means, variances)
