"""Loads the agents of an experiment, each for the environment that it acts in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from gymnasium.envs.registration import EnvSpec

from rltools.envs import Environment, with_arguments, wrapped_spec
from rltools.experiments._agent_loading import loading_from_json
from rltools.experiments._environments import EnvironmentVariant
from rltools.policies.base import Policy
from rltools.policies.bounds import Bounds
from rltools.policies.load import load_policy
from rltools.policies.load_arguments import LoadArguments
from rltools.policies.own_environment import own_environment

KEPT_POLICIES = 4
"""How many loaded agents a process keeps, because the next cell is often of the same one."""


def load_agent(
    agent: str,
    variant: EnvironmentVariant | None,
    bounds: Bounds,
    device: str | None = None,
    loading: Mapping[str, Any] | None = None,
) -> tuple[Policy, Environment | None]:
    """An agent and the environment that it acts in; None for its own.

    Args:
        agent: what `load_policy` loads it from.
        variant: the environment; None is the agent's own.
        bounds: "any" accepts an environment whose bounds differ from those of the training.
        device: where the network computes; None is the CPU.
        loading: what else `load_policy` is to know, as JSON.

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
    loading_json = json.dumps(loading or {}, sort_keys=True)
    return _loaded(agent, None if variant is None else variant.model_dump_json(), bounds, device, loading_json)


@lru_cache(KEPT_POLICIES)
def _loaded(
    agent: str, variant: str | None, bounds: Bounds, device: str | None, loading_json: str
) -> tuple[Policy, Environment | None]:
    chosen = None if variant is None else EnvironmentVariant.model_validate_json(variant)
    env = None if chosen is None else environment_of_variant(chosen, agent, loading_json)
    return load_policy(agent, env, **_with(loading_json, bounds, device)), env


def _with(loading_json: str, bounds: Bounds, device: str | None) -> LoadArguments:
    loading = loading_from_json(loading_json)
    loading["bounds"], loading["device"] = bounds, device
    return loading


def environment_of_variant(variant: EnvironmentVariant, agent: str, loading_json: str = "{}") -> Environment:
    """The environment of an agent.

    Raises:
        ArgumentError: a variant of the agent's own environment, and it has none.
        SimulationError: no environment of this id is registered.
    """
    wrappers = [(wrapper.name, wrapper.kwargs) for wrapper in variant.wrappers or ()]
    if variant.id is not None:
        return wrapped_spec(with_arguments(variant.id, variant.kwargs), wrappers)
    spec = _own_environment(agent, loading_json)
    spec = replace(spec, kwargs=spec.kwargs | variant.kwargs)
    return spec if variant.wrappers is None else wrapped_spec(replace(spec, additional_wrappers=()), wrappers)


@lru_cache
def _own_environment(agent: str, loading_json: str) -> EnvSpec:
    return own_environment(agent, loading_from_json(loading_json))
