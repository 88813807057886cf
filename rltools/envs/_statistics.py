"""What wrappers have learned of observations and rewards: found, frozen, and carried from one environment to another.

`NormalizeObservation` and its kind scale observations by a running mean and variance. A policy is worth something only
with those it was trained with, and an environment that is made anew starts again from mean 0 and variance 1.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from rltools.errors import ArgumentError, SimulationError

Env = gymnasium.Env[Any, Any]


def chain(env: Env) -> list[Env]:
    """An environment and its wrappers, from the inside outwards."""
    found = [env]
    while isinstance(found[-1], gymnasium.Wrapper):
        found.append(found[-1].env)
    return found[::-1]


def normalizers(env: Env) -> list[Any]:
    """The wrappers that keep statistics of observations in `obs_rms`, as Gymnasium's do, from the inside outwards."""
    return [wrapper for wrapper in chain(env) if _is_running(vars(wrapper).get("obs_rms"))]


def holds_statistics(env: Env) -> bool:
    """Whether an environment keeps a running mean and variance of anything but rewards, under whatever name."""
    return any(
        _is_running(value) and not name.lstrip("_").startswith(("ret", "rew")) for name, value in vars(env).items()
    )


def has_learned(wrapper: Any) -> bool:
    """Whether the statistics of such a wrapper are of more than the first observation, or were set."""
    running = wrapper.obs_rms
    untouched = bool(np.all(running.mean == 0) and np.all(running.var == 1))
    return not untouched and not 1 <= float(getattr(running, "count", 0)) < 2


def told_numbers(env: Env) -> set[int]:
    """Which of `normalizers(env)` have their statistics from a `FrozenStatistics`, whatever these are."""
    given = [layer for layer in chain(env) if type(layer).__name__ == "FrozenStatistics"]
    kept = [getattr(layer, "_saved_kwargs", {}) for layer in given]
    return {arguments["number"] for arguments in kept if "number" in arguments}


def freeze(wrapper: Any, mean: np.ndarray | None = None, var: np.ndarray | None = None) -> None:
    """Let such a wrapper keep its statistics, or those given, whatever it observes from now on."""
    running = wrapper.obs_rms = copy.copy(wrapper.obs_rms)  # a training may go on with the one that was there
    if mean is not None and var is not None:
        running.mean, running.var = mean, var
    if hasattr(wrapper, "update_running_mean"):
        wrapper.update_running_mean = False
    else:
        running.update = _no_update


def freeze_all(env: Env) -> Env:
    """The same environment with every learned statistic frozen; those that start from nothing are left as they are."""
    for wrapper in normalizers(env):
        if has_learned(wrapper):
            freeze(wrapper)
    return env


def with_own_rewards(env: Env) -> Env:
    """The environment without rewards that are scaled by what was seen so far, and without what is done to these.

    `NormalizeReward` gives the same reward another number in each episode, so that no return means anything. It goes,
    and with it the wrappers around it that only change rewards, such as the clipping of the scaled ones.
    """
    dropped = set(map(id, scaled_rewards(env)))
    while id(env) in dropped and isinstance(env, gymnasium.Wrapper):
        env = env.env
    outer: Env = env
    while isinstance(outer, gymnasium.Wrapper):
        while id(outer.env) in dropped and isinstance(outer.env, gymnasium.Wrapper):
            outer.env = outer.env.env
        outer = outer.env
    return env


def scaled_rewards(env: Env) -> list[Env]:
    """The innermost wrapper that scales rewards by what it has seen, and those around it that only change rewards."""
    layers = chain(env)
    first = next((place for place, layer in enumerate(layers) if _is_running(vars(layer).get("return_rms"))), None)
    if first is None:
        return []
    return [layers[first], *(layer for layer in layers[first + 1 :] if changes_rewards(layer))]


def changes_rewards(wrapper: Env) -> bool:
    """Whether a wrapper gives other rewards than it receives, and does nothing else."""
    return isinstance(wrapper, gymnasium.RewardWrapper) or _is_running(vars(wrapper).get("return_rms"))


def check_learned(env: Env, name: str) -> None:
    """Refuse an environment with statistics that start from nothing.

    Raises:
        SimulationError: it has such a wrapper, and every episode would begin with mean 0 and variance 1, which nobody
            asked for.
    """
    told = told_numbers(env)
    for number, wrapper in enumerate(normalizers(env)):
        if number not in told and not has_learned(wrapper):
            raise SimulationError(
                f"the {type(wrapper).__name__} of {name} has learned nothing yet (mean {_some(wrapper.obs_rms.mean)}, "
                f"variance {_some(wrapper.obs_rms.var)}), so the policy would act on other inputs than in training; "
                f"give the environment that it was trained in, as it is after training, or wrap it with those "
                f"statistics: rltools.FrozenStatistics({type(wrapper).__name__}(env), mean=..., var=...)"
            )


def checked_statistics(values: Any, shape: tuple[int, ...], name: str, dtype: str | None = None) -> np.ndarray:
    """Statistics of the shape of an observation, in the floating-point dtype given, else in their own.

    Raises:
        ArgumentError: another shape, or numbers that are not finite.
    """
    try:
        found = np.asarray(values, dtype)
        found = found if found.dtype.kind == "f" else found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} must be numbers of shape {list(shape)}: {error}") from error
    if found.shape != shape or not np.isfinite(found).all():
        what = f"has shape {list(found.shape)}" if found.shape != shape else "holds numbers that are not finite"
        raise ArgumentError(f"{name} {what}; give finite numbers of shape {list(shape)}, one for each entry observed")
    return found


def _is_running(value: Any) -> bool:
    return hasattr(value, "mean") and hasattr(value, "var") and callable(getattr(value, "update", None))


def _no_update(*_: Any, **__: Any) -> None:
    """In the place of the `update` of frozen statistics."""


def _some(values: Any) -> str:
    shown: Sequence[float] = np.round(np.asarray(values, dtype=np.float64).reshape(-1)[:3], 3).tolist()
    return f"[{', '.join(f'{value:g}' for value in shown)}{', ...' if np.size(values) > 3 else ''}]"
