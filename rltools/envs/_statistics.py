"""Finds, freezes and checks the running statistics of wrappers.

`NormalizeObservation` and similar wrappers scale observations by a running mean and variance. A policy needs those of
its training, and a new environment starts from mean 0 and variance 1.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from rltools.errors import ArgumentError, SimulationError

Env = gymnasium.Env[Any, Any]
FROZEN_STATISTICS = "FrozenStatistics"
"""The wrapper that gives a new environment the statistics of a training."""


def chain(env: Env) -> list[Env]:
    """An environment and its wrappers, from the inside out."""
    layers = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    return layers[::-1]


def normalizers(env: Env) -> list[Any]:
    """The wrappers that keep statistics of observations in `obs_rms`, as Gymnasium's do, from the inside out."""
    return [wrapper for wrapper in chain(env) if _is_running(vars(wrapper).get("obs_rms"))]


def has_running_statistics(env: Env) -> bool:
    """Whether an environment keeps a running mean and variance of anything but rewards, under any name."""
    return any(
        _is_running(value) and not name.lstrip("_").startswith(("ret", "rew")) for name, value in vars(env).items()
    )


def has_learned(wrapper: Any) -> bool:
    """Whether the statistics of a normalizer were set, or cover more than the first observation."""
    running = wrapper.obs_rms
    untouched = bool(np.all(running.mean == 0) and np.all(running.var == 1))
    return not untouched and not 1 <= float(getattr(running, "count", 0)) < 2


def frozen_numbers(env: Env) -> set[int]:
    """Indices of the `normalizers(env)` whose statistics come from a `FrozenStatistics`."""
    layers = [layer for layer in chain(env) if type(layer).__name__ == FROZEN_STATISTICS]
    arguments = [getattr(layer, "_saved_kwargs", {}) for layer in layers]
    return {saved["number"] for saved in arguments if "number" in saved}


def freeze(wrapper: Any, mean: np.ndarray | None = None, var: np.ndarray | None = None) -> None:
    """Stop a normalizer from updating its statistics, after setting them to `mean` and `var` if given."""
    running = wrapper.obs_rms = copy.copy(wrapper.obs_rms)  # a training may continue with the original
    if mean is not None and var is not None:
        running.mean, running.var = mean, var
    if hasattr(wrapper, "update_running_mean"):
        wrapper.update_running_mean = False
    else:
        running.update = _no_update


def freeze_statistics(env: Env) -> Env:
    """The same environment with all learned statistics frozen; a normalizer that has learned nothing is left alone."""
    for wrapper in normalizers(env):
        if has_learned(wrapper):
            freeze(wrapper)
    return env


def without_reward_scaling(env: Env) -> Env:
    """The environment without the scaling of rewards by running statistics.

    `NormalizeReward` maps the same reward to different numbers from one episode to the next, so returns would mean
    nothing. It is removed, and so are the wrappers around it that only change rewards, such as one that clips them.
    """
    dropped = set(map(id, reward_scalers(env)))
    while id(env) in dropped and isinstance(env, gymnasium.Wrapper):
        env = env.env
    outer: Env = env
    while isinstance(outer, gymnasium.Wrapper):
        while id(outer.env) in dropped and isinstance(outer.env, gymnasium.Wrapper):
            outer.env = outer.env.env
        outer = outer.env
    return env


def reward_scalers(env: Env) -> list[Env]:
    """The innermost wrapper that scales rewards by running statistics, and those around it that only change rewards."""
    layers = chain(env)
    first = next((index for index, layer in enumerate(layers) if _is_running(vars(layer).get("return_rms"))), None)
    if first is None:
        return []
    return [layers[first], *(layer for layer in layers[first + 1 :] if changes_rewards(layer))]


def changes_rewards(wrapper: Env) -> bool:
    """Whether a wrapper changes rewards and nothing else."""
    return isinstance(wrapper, gymnasium.RewardWrapper) or _is_running(vars(wrapper).get("return_rms"))


def check_learned(env: Env, name: str) -> None:
    """Refuse an environment with a normalizer that has learned nothing.

    Raises:
        SimulationError: it has one, so every episode would start from mean 0 and variance 1.
    """
    frozen = frozen_numbers(env)
    for number, wrapper in enumerate(normalizers(env)):
        if number not in frozen and not has_learned(wrapper):
            raise SimulationError(
                f"the {type(wrapper).__name__} of {name} has learned nothing yet (mean {_some(wrapper.obs_rms.mean)}, "
                f"variance {_some(wrapper.obs_rms.var)}), so the policy would act on other inputs than in training; "
                f"give the environment that it was trained in, as it is after training, or wrap it with those "
                f"statistics: rltools.FrozenStatistics({type(wrapper).__name__}(env), mean=..., var=...)"
            )


def checked_statistics(values: Any, shape: tuple[int, ...], name: str, dtype: str | None = None) -> np.ndarray:
    """Statistics as an array of the shape of an observation, in `dtype` or else in their own floating-point dtype.

    Raises:
        ArgumentError: another shape, or numbers that are not finite.
    """
    try:
        array = np.asarray(values, dtype)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} must be numbers of shape {list(shape)}: {error}") from error
    if array.shape != shape or not np.isfinite(array).all():
        fault = f"has shape {list(array.shape)}" if array.shape != shape else "holds numbers that are not finite"
        raise ArgumentError(f"{name} {fault}; give finite numbers of shape {list(shape)}, one per element observed")
    return array


def _is_running(value: Any) -> bool:
    return hasattr(value, "mean") and hasattr(value, "var") and callable(getattr(value, "update", None))


def _no_update(*_: Any, **__: Any) -> None:
    """Replaces the `update` of frozen statistics."""


def _some(values: Any) -> str:
    first: Sequence[float] = np.round(np.asarray(values, dtype=np.float64).reshape(-1)[:3], 3).tolist()
    return f"[{', '.join(f'{value:g}' for value in first)}{', ...' if np.size(values) > 3 else ''}]"
