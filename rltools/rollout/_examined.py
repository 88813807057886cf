"""An environment looked at before the first episode: whether it is the one that the policy was trained in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium

from rltools.environments import (
    Environment,
    chain,
    changes_rewards,
    check_kind,
    check_learned,
    environment_spec,
    make_with_rewards,
    scaled_rewards,
    with_own_rewards,
)
from rltools.policies._bounds import Bounds
from rltools.policies._surroundings import Surroundings, bounds_notes, check_match
from rltools.policy import Policy
from rltools.rollout._layers import Layer, layers_of
from rltools.rollout._sameness import check_same


@dataclass(frozen=True)
class Examined:
    """What there is to say of an environment.

    Attributes:
        layers: what it is made of, see `layers_of`.
        notes: caveats.
    """

    layers: tuple[Layer, ...]
    notes: tuple[str, ...]


def examine(policy: Policy, environment: Environment, bounds: Bounds) -> Examined:
    """Make an environment once, and compare it with what the policy knows and with itself.

    Args:
        policy: that is to act in it.
        environment: as it was given.
        bounds: "any" where other bounds than those of the training are meant.

    Raises:
        ArgumentError: it is none, and makes none.
        MismatchError: its spaces are not those of the policy.
        SimulationError: it cannot be made, has statistics of observations that start from nothing, or carries something
            from episode to episode that is lost when it is made anew.
    """
    check_kind(environment)
    spec = environment_spec(environment)
    # One that cannot be made again is only looked at: the first episode says so.
    only = environment if isinstance(environment, gymnasium.Env) and spec is None else None
    trial = make_with_rewards(environment) if only is None else only
    try:
        spec = spec or environment_spec(trial)
        own = trial.unwrapped.observation_space == trial.observation_space
        around = Surroundings(
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
        if only is not None:
            return Examined(layers_of(trial), notes)
        trial = with_own_rewards(trial)
        return Examined(layers_of(trial), notes + check_same(environment, trial, policy))
    finally:
        if only is None:
            with suppress(Exception):
                trial.close()


def _reward_notes(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """The caveat about rewards that are not the environment's own, or that are so because a wrapper was left out."""
    dropping = scaled_rewards(env)
    left_out = [type(wrapper).__name__ for wrapper in dropping]
    dropped = (
        (f"rewards are not scaled by what was seen before: left out are {' and '.join(left_out)}",) if left_out else ()
    )
    changed = [type(layer).__name__ for layer in chain(env) if changes_rewards(layer) and layer not in dropping]
    return dropped + (
        (f"rewards and returns are what {' and '.join(changed)} makes of the environment's own",) if changed else ()
    )
