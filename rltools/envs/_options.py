"""An environment as it is typed on the command line, for the commands that pages show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rltools.envs._ids import Environment


def environment_options(env: Environment | None) -> list[str]:
    """The options that name an environment; a placeholder for one that only a script can make.

    >>> from rltools.envs import with_arguments
    >>> environment_options(with_arguments("FrozenLake-v1", {"map_name": "8x8", "is_slippery": False}))
    ['--env', 'FrozenLake-v1', '--env-kwargs', 'map_name=8x8', '--env-kwargs', 'is_slippery=false']
    >>> environment_options(lambda: gymnasium.make("CartPole-v1"))
    ['--env', 'ENV']
    """
    if env is None:
        return []
    if isinstance(env, str):
        return ["--env", env]
    if not isinstance(env, EnvSpec) or (arguments := _arguments(env)) is None:
        return ["--env", "ENV"]
    return ["--env", env.id, *argument_options(arguments)]


def argument_options(arguments: Mapping[str, Any]) -> list[str]:
    """The options of the arguments of an environment.

    Raises:
        TypeError: one is not plain data.
        ValueError: one cannot be written as JSON.
    """
    texts = [f"{name}={_typed(value)}" for name, value in arguments.items()]
    return [word for text in texts for word in ("--env-kwargs", text)]


def _arguments(spec: EnvSpec) -> dict[str, Any] | None:
    """The arguments that a spec has beyond those of its id; None if it differs from its id in anything else."""
    plain = gymnasium.registry.get(spec.id)
    if plain is None or spec.additional_wrappers or spec.max_episode_steps != plain.max_episode_steps:
        return None
    # Arguments that were registered and are not there any more cannot be typed.
    if not plain.kwargs.keys() <= spec.kwargs.keys():
        return None
    own = {
        name: value for name, value in spec.kwargs.items() if name not in plain.kwargs or plain.kwargs[name] != value
    }
    try:
        argument_options(own)
    except (TypeError, ValueError):
        return None
    return own


def _typed(value: Any) -> str:
    """A value as JSON; a text as it is, unless it would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value
    return json.dumps(value)
