"""Checks before the first episode whether an environment is the one that the policy was trained in."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np

from rltools.envs import (
    Environment,
    chain,
    changes_rewards,
    check_kind,
    check_learned,
    environment_spec,
    make_with_wrapped_rewards,
    normalizers,
    reward_scalers,
    single_environment,
    spec_from_json,
    without_reward_scaling,
)
from rltools.errors import ArgumentError, argument
from rltools.policies.base import Policy
from rltools.policies.bounds import Bounds
from rltools.policies.env_info import EnvInfo, bounds_notes, check_match, check_normalizes
from rltools.rollout._sameness import check_same


def environment_of(policy: Policy, env: Environment | None) -> Environment:
    """The environment to act in: the one that was passed, else the policy's own.

    A vector of environments stands for one of them.

    Raises:
        ArgumentError: there is neither, or a vector of environments from which no single one can be made.
        MismatchError: it is a vector in VecNormalize, and the policy does not normalize.
    """
    if env is not None:
        check_normalizes(policy, env)
        return single_environment(env)
    own: Environment | None = getattr(policy, "environment", None)
    if own is not None:
        return own
    if policy.source.environment is None:
        reasons = "; ".join(policy.source.notes) or "its training environment is unknown"
        raise ArgumentError(
            f"{policy.source.name} has no environment to act in; name one: {argument('env')} ({reasons})"
        )
    return spec_from_json(policy.source.environment)


def without_order_check(environment: Environment) -> Environment:
    """The environment without the wrapper that checks for a reset before a step, which slows down every cheap step."""
    spec = environment_spec(environment)
    return environment if spec is None else replace(spec, order_enforce=False)


@dataclass(frozen=True)
class EnvironmentFacts:
    """The description of an environment for the recording.

    Attributes:
        layers: the environment and its wrappers; see `layers_of`.
        notes: caveats about it.
    """

    layers: tuple[Layer, ...]
    notes: tuple[str, ...]


def examine(policy: Policy, environment: Environment, bounds: Bounds) -> EnvironmentFacts:
    """Make an environment once, and compare it with the policy's spaces and with a second one.

    Args:
        policy: the policy that will act in it.
        environment: the environment as it was passed.
        bounds: "any" accepts bounds that differ from those of the training.

    Raises:
        ArgumentError: it is not an environment, and makes none.
        MismatchError: its spaces are not those of the policy.
        SimulationError: it cannot be made, has statistics of observations that start from zero, or carries state from
            episode to episode that is lost when it is made anew.
    """
    check_kind(environment)
    spec = environment_spec(environment)
    # One that cannot be made again is only inspected: the first episode raises.
    single = environment if isinstance(environment, gymnasium.Env) and spec is None else None
    trial = make_with_wrapped_rewards(environment) if single is None else single
    try:
        spec = spec or environment_spec(trial)
        own = trial.unwrapped.observation_space == trial.observation_space
        around = EnvInfo(
            trial.observation_space,
            trial.action_space,
            spec,
            features=policy.features,
            own_bounds=own,
            any_bounds=bounds == "any",
        )
        check_match(policy.source.name, policy.observation_space, policy.action_space, around)
        check_learned(trial, spec.id if spec is not None else repr(trial))
        notes = bounds_notes(policy.observation_space, policy.action_space, around)
        notes += _reward_notes(trial)
        if single is not None:
            return EnvironmentFacts(layers_of(trial), notes)
        trial = without_reward_scaling(trial)
        return EnvironmentFacts(layers_of(trial), notes + check_same(environment, trial, policy))
    finally:
        if single is None:
            with suppress(Exception):
                trial.close()


def _reward_notes(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """The caveats about rewards that wrappers change, and about wrappers that are left out because they would."""
    dropping = reward_scalers(env)
    left_out = [type(wrapper).__name__ for wrapper in dropping]
    dropped = (
        (f"rewards are not scaled by what was seen before: left out are {' and '.join(left_out)}",) if left_out else ()
    )
    changed = [type(layer).__name__ for layer in chain(env) if changes_rewards(layer) and layer not in dropping]
    return dropped + (
        (f"rewards and returns are what {' and '.join(changed)} makes of the environment's own",) if changed else ()
    )


Layer = dict[str, Any]

# They are in every environment of `gymnasium.make`, and change nothing.
_OMITTED = ("OrderEnforcing", "PassiveEnvChecker")
MAX_ELEMENTS = 256
"""The most elements of an array argument that are recorded; of larger arrays only the shape is."""


def layers_of(env: gymnasium.Env[Any, Any]) -> tuple[Layer, ...]:
    """The environment and each of its wrappers, from the inside outwards, as plain data.

    Each has its class's `name` and its `kwargs` as far as they are known; the environment its `id`, if it has one; and
    a wrapper that normalizes observations its `statistics`: `mean` and `var`, nested lists `[*observation]`.
    """
    inner, *wrappers = chain(env)
    spec = inner.spec
    kwargs = {} if spec is None else {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    first: Layer = {"name": type(inner).__name__, "kwargs": _plain(kwargs)}
    if spec is not None:
        first["id"] = spec.id
    learned = {id(wrapper): wrapper.obs_rms for wrapper in normalizers(env)}
    layers = [first]
    for wrapper in wrappers:
        name = type(wrapper).__name__
        if name in _OMITTED:
            continue
        saved = {} if name == "FrozenStatistics" else getattr(wrapper, "_saved_kwargs", {})
        layer: Layer = {"name": name, "kwargs": _plain(dict(saved))}
        if (running := learned.get(id(wrapper))) is not None:
            layer["statistics"] = {"mean": np.asarray(running.mean).tolist(), "var": np.asarray(running.var).tolist()}
        layers.append(layer)
    return tuple(layers)


def _plain(value: Any) -> Any:
    """A value as JSON; for anything else its name."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str | float):
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, dict):
        return {str(name): _plain(element) for name, element in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(element) for element in value] if len(value) <= MAX_ELEMENTS else f"{len(value)} elements"
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.size <= MAX_ELEMENTS else f"an array of shape {list(value.shape)}"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
