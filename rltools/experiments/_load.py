"""Loads the agents of an experiment, each for the environment that it acts in."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from rltools.envs import Environment, spec_from_json, with_arguments, wrapped_spec
from rltools.errors import ArgumentError
from rltools.experiments._environments import EnvironmentVariant
from rltools.policies.base import Policy
from rltools.policies.bounds import Bounds
from rltools.policies.load import load_policy

KEPT_POLICIES = 4
"""How many loaded agents a process keeps, because the next cell is often of the same one."""


def load_agent(
    agent: str, variant: EnvironmentVariant | None, bounds: Bounds, device: str | None = None
) -> tuple[Policy, Environment | None]:
    """An agent and the environment that it acts in; None for its own.

    Args:
        agent: what `load_policy` loads it from.
        variant: the environment; None is the agent's own.
        bounds: "any" accepts an environment whose bounds differ from those of the training.
        device: where the network computes; None is the CPU.

    Raises:
        ArgumentError: a variant of the agent's own environment, and it has none.
        MismatchError: the environment's spaces are not the agent's.
        RltoolsError: an error of `load_policy`.

    Example:
        >>> from rltools.experiments._environments import EnvironmentVariant
        >>> from rltools.experiments._load import load_agent
        >>> policy, env = load_agent("cartpole-ppo", EnvironmentVariant(kwargs={"sutton_barto_reward": True}), "same")
        >>> env.id, env.kwargs
        ('CartPole-v1', {'sutton_barto_reward': True})
    """
    return _loaded(agent, None if variant is None else variant.model_dump_json(), bounds, device)


@lru_cache(KEPT_POLICIES)
def _loaded(agent: str, variant: str | None, bounds: Bounds, device: str | None) -> tuple[Policy, Environment | None]:
    chosen = None if variant is None else EnvironmentVariant.model_validate_json(variant)
    env = None if chosen is None else environment_of_variant(chosen, agent)
    return load_policy(agent, env, bounds=bounds, device=device), env


def environment_of_variant(variant: EnvironmentVariant, agent: str) -> Environment:
    """The environment of an agent.

    Raises:
        ArgumentError: a variant of the agent's own environment, and it has none.
        SimulationError: no environment of this id is registered.
    """
    wrappers = [(wrapper.name, wrapper.kwargs) for wrapper in variant.wrappers or ()]
    if variant.id is not None:
        return wrapped_spec(with_arguments(variant.id, variant.kwargs), wrappers)
    own = _own_environment(agent)
    if own is None:
        raise ArgumentError(f"{agent} has no environment of its own; give the id of the one that it acts in")
    spec = spec_from_json(own)
    spec = replace(spec, kwargs=spec.kwargs | variant.kwargs)
    return spec if variant.wrappers is None else wrapped_spec(replace(spec, additional_wrappers=()), wrappers)


@lru_cache
def _own_environment(agent: str) -> str | None:
    return load_policy(agent).source.environment
