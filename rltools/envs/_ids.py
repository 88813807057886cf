"""Ids of environments, current and former, and the packages that register them."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rltools._util.limits import MAX_WRAPPERS
from rltools._util.text import nearest_names
from rltools.envs._named_modules import name_module
from rltools.envs._wrapper_specs import remakeable, with_arguments_of
from rltools.errors import ArgumentError, SimulationError

Environment = str | EnvSpec | gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]]
"""An environment as a caller may give it: an id, a spec, a live environment or a function that makes one."""

RENAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "LunarLander-v2": ("LunarLander-v3", {}),
    "LunarLanderContinuous-v2": ("LunarLander-v3", {"continuous": True}),
    "CarRacing-v2": ("CarRacing-v3", {}),
    "Pendulum-v0": ("Pendulum-v1", {}),
    "Taxi-v3": ("Taxi-v4", {}),
    "FrozenLake-v0": ("FrozenLake-v1", {}),
    "CliffWalking-v0": ("CliffWalking-v1", {}),
    "Blackjack-v0": ("Blackjack-v1", {}),
}
_OLD_MUJOCO = re.compile(
    r"(Ant|HalfCheetah|Hopper|Humanoid|HumanoidStandup|InvertedDoublePendulum|InvertedPendulum|Pusher|Reacher|Swimmer"
    r"|Walker2d)-v[23]"
)
# Packages known to register environments, by the pattern of their ids and never because a file names them.
_REGISTERED_BY = (
    (re.compile(r"(MiniGrid|BabyAI)-.*"), "minigrid", "minigrid"),
    (re.compile(r"ALE/.*|[A-Za-z*]+NoFrameskip-v[04]"), "ale_py", "ale-py"),
)


def current_id(env_id: str) -> tuple[str, dict[str, Any]]:
    """The current id of a renamed environment, with the arguments that make it the same environment.

    >>> current_id("LunarLanderContinuous-v2")
    ('LunarLander-v3', {'continuous': True})
    >>> current_id("CartPole-v1")
    ('CartPole-v1', {})
    """
    if mujoco := _OLD_MUJOCO.fullmatch(env_id):
        return f"{mujoco[1]}-v5", {}
    current, kwargs = RENAMED.get(env_id, (env_id, {}))
    return current, dict(kwargs)


def is_newer_version(env_id: str) -> bool:
    """Whether models may come from an older version of an environment, under another id.

    >>> is_newer_version("LunarLander-v3"), is_newer_version("CartPole-v1")
    (True, False)
    """
    name, _, version = env_id.rpartition("-")
    return any(current == env_id for current, _ in RENAMED.values()) or (
        version == "v5" and _OLD_MUJOCO.fullmatch(f"{name}-v3") is not None
    )


def environment_spec(env: Environment) -> EnvSpec | None:
    """The spec of an environment, under its current id and without its render mode; None if it has none.

    Raises:
        SimulationError: no environment of this id is registered, or it is in too many wrappers.
    """
    if isinstance(env, str):
        env_id, kwargs = current_id(env)
        return registered(env_id, kwargs)
    if isinstance(env, EnvSpec):
        return without_render_mode(env)
    if isinstance(env, gymnasium.Env):
        _check_depth(env)
    if isinstance(env, gymnasium.Env) and env.spec is not None:
        wrappers = with_arguments_of(env, env.spec.additional_wrappers)
        return without_render_mode(dataclasses.replace(env.spec, additional_wrappers=wrappers))
    return None


def with_arguments(env: str | EnvSpec, kwargs: Mapping[str, Any]) -> EnvSpec:
    """The spec of an environment with further arguments; everything that takes an environment takes it.

    Args:
        env: an id or a spec; its wrappers and its other arguments stay.
        kwargs: of the constructor. Those that JSON can hold are written into recordings, so that episodes can be
            replayed.

    Raises:
        ArgumentError: neither an id nor a spec, or arguments that are not named.
        SimulationError: no environment of this id is registered.

    >>> with_arguments("FrozenLake-v1", {"map_name": "8x8"}).kwargs
    {'map_name': '8x8'}
    >>> with_arguments("LunarLanderContinuous-v2", {"gravity": -5.0}).kwargs
    {'continuous': True, 'gravity': -5.0}
    """
    if not isinstance(kwargs, Mapping) or not all(isinstance(name, str) for name in kwargs):
        raise ArgumentError(
            f"the environment's arguments are {kwargs!r:.80}; give a mapping from their names to values"
        )
    if not isinstance(env, str | EnvSpec):
        raise ArgumentError(
            f"arguments are for an environment that is made from its id, not for a {type(env).__name__}, which is made "
            f"already; give its id, or make it with these arguments"
        )
    spec = environment_spec(env)
    if spec is None:  # an id always has one, or an error
        raise AssertionError(env)
    return dataclasses.replace(spec, kwargs={**spec.kwargs, **kwargs})


def _check_depth(env: gymnasium.Env[Any, Any]) -> None:
    # Gymnasium builds a spec by recursion through the wrappers.
    count = 0
    while isinstance(env, gymnasium.Wrapper):
        count, env = count + 1, env.env
        if count > MAX_WRAPPERS:
            raise SimulationError(
                f"the environment is in more than {MAX_WRAPPERS} wrappers, the limit; unwrap it, or merge some "
                f"of them into one"
            )


def registered(env_id: str, kwargs: dict[str, Any]) -> EnvSpec:
    """The spec registered under an id, with further arguments.

    Raises:
        SimulationError: there is none, or its module or package must be imported or installed first.
    """
    module, _, name = env_id.rpartition(":")
    if module and module not in sys.modules:
        raise SimulationError(
            f"{env_id!r} needs the module {module!r}; import it first, or name it on the command line: "
            f"--import {module}"
        )
    if name not in gymnasium.registry:
        _import_package_of(name)
    spec = gymnasium.registry.get(name)
    if spec is None:
        near = nearest_names(name, gymnasium.registry)
        hint = f"did you mean {' or '.join(map(repr, near))}? If" if near else "if"
        raise SimulationError(
            f"no environment {name!r} is registered; {hint} another package registers it, import that package "
            f"first, or name it on the command line: --import PACKAGE"
        )
    return dataclasses.replace(spec, kwargs=spec.kwargs | kwargs)


def registered_ids(pattern: str) -> tuple[str, ...]:
    """The registered ids that match a pattern such as `MiniGrid-*`, in order of registration.

    Raises:
        SimulationError: the package that registers them is not installed.
    """
    _import_package_of(pattern)
    return tuple(name for name in gymnasium.registry if fnmatchcase(name, pattern))


def import_modules(names: Iterable[str]) -> None:
    """Import modules that the user named, also from the working directory.

    They register their environments, and files may then name their wrappers, as `module:Class`.

    Raises:
        SimulationError: a module cannot be imported.
    """
    names, here = list(names), str(Path.cwd())
    if names and here not in sys.path:
        sys.path.append(here)
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            if name.endswith(".py"):
                module = name.removesuffix(".py").replace("/", ".")
                raise SimulationError(f"{name!r} is a file, and a module is named without .py: {module}") from error
            raise SimulationError(
                f"the module {name!r} cannot be imported ({type(error).__name__}: {error}); install it, or run in the "
                f"folder that contains it"
            ) from error
        name_module(name)


def without_render_mode(spec: EnvSpec) -> EnvSpec:
    """The same spec without a render mode, with wrappers that can be made again."""
    kwargs = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    return dataclasses.replace(spec, kwargs=kwargs, additional_wrappers=remakeable(spec.additional_wrappers))


def _import_package_of(name: str) -> None:
    for pattern, package, distribution in _REGISTERED_BY:
        if pattern.fullmatch(name) and package not in sys.modules:
            try:
                importlib.import_module(package)
            except ImportError as error:
                raise SimulationError(
                    f"{name} comes with the package {package}, which cannot be imported ({error}); install it: "
                    f"pip install {distribution}"
                ) from error
