"""The environment of an agent, with other arguments than it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gymnasium.envs.registration import EnvSpec

from rltools.envs import Environment, spec_from_json, with_arguments
from rltools.errors import ArgumentError
from rltools.policies.load import load_policy

if TYPE_CHECKING:
    from rltools.policies.load_arguments import LoadArguments


def environment_with(
    source: Any, env: Environment | None, kwargs: Mapping[str, Any] | None, loading: LoadArguments
) -> Environment | None:
    """An environment with further arguments.

    Args:
        source: the agent, whose own environment it is without one; see `load_policy`.
        env: an id or a specification; None for the agent's own.
        kwargs: the arguments; without any the environment is returned as it is.
        loading: how the agent is loaded.

    Raises:
        ArgumentError: arguments for a live environment or a function, or for an agent that has no environment.
        SimulationError: no environment of this id is registered.

    Example:
        >>> from rltools.policies.own_environment import environment_with
        >>> environment_with("cartpole-ppo", None, {"sutton_barto_reward": True}, {}).kwargs
        {'sutton_barto_reward': True}
    """
    if not kwargs:
        return env
    return with_arguments(own_environment(source, loading) if env is None else env, kwargs)  # type: ignore[arg-type]


def own_environment(source: Any, loading: LoadArguments) -> EnvSpec:
    """The specification of the environment that an agent was trained in.

    Raises:
        ArgumentError: it is unknown.
    """
    own = load_policy(source, **loading).source.environment
    if own is None:
        raise ArgumentError(f"{source} has no environment of its own; give the id of the one that it acts in")
    return spec_from_json(own)
