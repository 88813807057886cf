"""A wrapper that gives `NormalizeObservation` the statistics that a policy was trained with."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from rltools.envs import checked_statistics, freeze, normalizers
from rltools.errors import ArgumentError


class FrozenStatistics(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Gives a `NormalizeObservation` beneath the statistics of the training, and keeps them.

    Nothing else changes. `rltools.record` does the same by itself where it is given the environment of the training;
    this is for functions that make environments, and for the wrappers of an agent's card.

    Args:
        env: with a `NormalizeObservation`, or another wrapper that has its statistics in `obs_rms`, somewhere in it.
        mean: of observations, `[*observation]`.
        var: their variance, likewise; at least 0.
        number: which of several such wrappers, from the inside outwards.
        dtype: in which the wrapper computes with these numbers, for instance "float32"; their own by default.

    Raises:
        ArgumentError: there is no such wrapper, or the numbers are not of the shape that it observes.

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
            names = ", ".join(f"{place} {type(wrapper).__name__}" for place, wrapper in enumerate(wrappers))
            raise ArgumentError(
                f"number is {number}, and the wrappers of {env} that keep statistics of observations are {names}, from "
                f"the inside outwards; give the number of one of these"
            )
        shape = np.shape(wrappers[number].obs_rms.mean)
        means, variances = checked_statistics(mean, shape, "mean", dtype), checked_statistics(var, shape, "var", dtype)
        if (variances < 0).any():
            raise ArgumentError(f"var holds {variances.min()}; a variance is at least 0")
        RecordConstructorArgs.__init__(
            self, mean=means.tolist(), var=variances.tolist(), number=number, dtype=means.dtype.name
        )
        freeze(wrappers[number], means, variances)
