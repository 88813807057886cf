"""Naming and making environments, without running what a file says."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, WrapperSpec
from gymnasium.error import DependencyNotInstalled

from rltools.errors import ArgumentError, SimulationError

Environment = str | EnvSpec | gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]]

_RENAMED: dict[str, tuple[str, dict[str, Any]]] = {
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

# Those that change what is observed, done or rewarded, from plain numbers alone. Not those that write files, open
# windows or take a function.
_WRAPPERS_FROM_FILES = (
    "AddWhiteNoise AtariPreprocessing ClipAction ClipReward DelayObservation DiscretizeAction DiscretizeObservation "
    "DtypeObservation FilterObservation FlattenObservation FrameStackObservation GrayscaleObservation "
    "MaxAndSkipObservation NormalizeObservation NormalizeReward ObstructView OrderEnforcing PassiveEnvChecker "
    "RecordEpisodeStatistics RepeatAction RescaleAction RescaleObservation ReshapeObservation ResizeObservation "
    "StickyAction TimeAwareObservation TimeLimit"
)
# The one of the required libraries that trained agents of rl-baselines3-zoo depend on.
_TIME_FEATURE = "sb3_contrib.common.wrappers.time_feature:TimeFeatureWrapper"
# Stable-Baselines3 puts it around every environment it is given; it changes nothing that is observed or done.
_ONLY_WATCHING = ("stable_baselines3.common.monitor:Monitor",)
# These make whatever environment of the old `gym` their arguments name.
_MAKERS_OF_OTHERS = ("GymV21Environment-v0", "GymV26Environment-v0")
_EXTRAS = {
    "box2d": "box2d",
    "classic_control": "classic-control",
    "mujoco": "mujoco",
    "phys2d": "jax",
    "tabular": "jax",
    "toy_text": "toy-text",
}


def current_id(env_id: str) -> tuple[str, dict[str, Any]]:
    """Today's id of an environment that was renamed, with the arguments that make it the same one.

    >>> current_id("LunarLanderContinuous-v2")
    ('LunarLander-v3', {'continuous': True})
    >>> current_id("CartPole-v1")
    ('CartPole-v1', {})
    """
    if mujoco := _OLD_MUJOCO.fullmatch(env_id):
        return f"{mujoco[1]}-v5", {}
    today, kwargs = _RENAMED.get(env_id, (env_id, {}))
    return today, dict(kwargs)


def environment_spec(env: Environment) -> EnvSpec | None:
    """How an environment is specified, under today's id and without its render mode; None where only making it tells.

    Raises:
        SimulationError: no environment of this id is registered.
    """
    if isinstance(env, str):
        env_id, kwargs = current_id(env)
        return _registered(env_id, kwargs)
    if isinstance(env, EnvSpec):
        return _without_render_mode(env)
    if isinstance(env, gymnasium.Env) and env.spec is not None:
        return _without_render_mode(env.spec)
    return None


def spec_to_json(spec: EnvSpec) -> str | None:
    """A specification as text; None where an argument cannot be written down.

    An environment that was registered with its class keeps its id: the class is written as the text that names it.
    """
    entry = spec.entry_point
    if entry is not None and not isinstance(entry, str):
        spec = dataclasses.replace(spec, entry_point=f"{entry.__module__}:{getattr(entry, '__qualname__', 'made')}")
    try:
        return spec.to_json()
    except (ValueError, TypeError, AttributeError):
        return None


def spec_from_json(text: str, *, allowed_modules: Collection[str] = ()) -> EnvSpec:
    """A specification out of somebody's file, as `EnvSpec.to_json()` writes it.

    Only the id, plain arguments, the step limit and known wrappers of Gymnasium and sb3-contrib are taken; what is made
    is what is registered here under that id, never what the file says is to be imported.

    Args:
        text: JSON.
        allowed_modules: modules that may be imported for an id `module:Name-v0`, because the user named them.

    Raises:
        SimulationError: text that is no specification, an environment that is not registered, or a wrapper or a module
            that is not allowed.
    """
    try:
        said = json.loads(text)
        env_id, kwargs, limit = said["id"], said["kwargs"], said["max_episode_steps"]
        wrappers = [
            (wrapper["entry_point"], wrapper["kwargs"] or {})
            for wrapper in said["additional_wrappers"]
            if wrapper["entry_point"] not in _ONLY_WATCHING
        ]
        well_formed = (
            isinstance(env_id, str)
            and isinstance(kwargs, dict)
            and (limit is None or (type(limit) is int and limit >= 1))
            and all(isinstance(entry, str) and isinstance(given, dict) for entry, given in wrappers)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SimulationError(f"not an environment's specification in JSON ({error!r}): {text[:200]!r}") from error
    if not well_formed:
        raise SimulationError(f"not an environment's specification in JSON, a value has the wrong type: {text[:200]!r}")
    module, colon, name = env_id.rpartition(":")
    if colon and module in allowed_modules:
        import_modules([module])
    elif colon:
        raise SimulationError(
            f"the file's environment {env_id!r} wants the module {module!r} to be imported, which is not done on a "
            f"file's word; if you trust that module, name it yourself: --import {module}"
        )
    if name in _MAKERS_OF_OTHERS:
        raise SimulationError(f"{name} makes any environment its arguments name; it is not taken from a file")
    today, arguments = current_id(name)
    return dataclasses.replace(
        _without_render_mode(_registered(today, arguments | kwargs)),
        max_episode_steps=limit,
        additional_wrappers=tuple(_known_wrapper(entry, given) for entry, given in wrappers),
    )


def make_environment(env: Environment, *, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """A new environment: by id, by specification, like the one given, or from the function given.

    Raises:
        ArgumentError: none of these was given.
        SimulationError: it cannot be made, or cannot be drawn in this render mode.
    """
    spec = environment_spec(env)
    if spec is not None:
        if render_mode is not None:
            spec = dataclasses.replace(spec, kwargs=spec.kwargs | {"render_mode": render_mode})
        try:
            return gymnasium.make(spec, disable_env_checker=True)
        except Exception as error:
            raise SimulationError(f"{spec.id} cannot be made: {error}{_next_step(spec, error)}") from error
    if isinstance(env, gymnasium.Env):
        raise SimulationError(
            f"{env} has no specification, so no second one can be made; give a function that makes one"
        )
    if not callable(env):
        raise ArgumentError(f"an environment is an id, a specification or a function that makes one, not {env!r}")
    return _made_by(env, render_mode)


def import_modules(names: Iterable[str]) -> None:
    """Import modules that the user named, so that they register their environments; the working directory counts.

    Raises:
        SimulationError: one cannot be imported.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise SimulationError(
                f"the module {name!r} cannot be imported ({type(error).__name__}: {error}); install it, or run in the "
                f"folder it lies in"
            ) from error


def _registered(env_id: str, kwargs: dict[str, Any]) -> EnvSpec:
    module, _, name = env_id.rpartition(":")
    if module and module not in sys.modules:
        raise SimulationError(
            f"{env_id!r} needs the module {module!r}; import it first, or name it on the command line: "
            f"--import {module}"
        )
    known = gymnasium.registry.get(name)
    if known is None:
        near = difflib.get_close_matches(name, gymnasium.registry, n=3)
        hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
        raise SimulationError(
            f"no environment {name!r} is registered; {hint}Where another package registers it, import that package "
            f"first, or name it on the command line: --import PACKAGE"
        )
    return dataclasses.replace(known, kwargs=known.kwargs | kwargs)


def _without_render_mode(spec: EnvSpec) -> EnvSpec:
    kwargs = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    return dataclasses.replace(spec, kwargs=kwargs)


def _known_wrapper(entry_point: str, kwargs: dict[str, Any]) -> WrapperSpec:
    module, _, name = entry_point.partition(":")
    wrapper = getattr(gymnasium.wrappers, name) if name in _WRAPPERS_FROM_FILES.split() else None
    if entry_point != _TIME_FEATURE and (wrapper is None or wrapper.__module__ != module):
        raise SimulationError(
            f"the file's environment is wrapped in {entry_point!r}, which is not imported on a file's word; make the "
            f"environment yourself and give the function that makes it"
        )
    return WrapperSpec(name, entry_point, kwargs)


def _made_by(factory: Callable[[], gymnasium.Env[Any, Any]], render_mode: str | None) -> gymnasium.Env[Any, Any]:
    try:
        env = factory()
    except Exception as error:
        raise SimulationError(f"{factory!r} did not make an environment: {type(error).__name__}: {error}") from error
    if not isinstance(env, gymnasium.Env):
        raise SimulationError(f"{factory!r} made {type(env).__name__}; it must return a gymnasium.Env")
    if render_mode is not None and env.render_mode != render_mode:
        raise SimulationError(
            f"frames need an environment made with render_mode={render_mode!r}; {factory!r} made one with "
            f"render_mode={env.render_mode!r}"
        )
    return env


def _next_step(spec: EnvSpec, error: Exception) -> str:
    parts = str(spec.entry_point).split(".")
    extra = _EXTRAS.get(parts[2]) if parts[:2] == ["gymnasium", "envs"] else None
    if extra is None or not isinstance(error, (ImportError, DependencyNotInstalled)):
        return ""
    return f'. Install what it needs: pip install "gymnasium[{extra}]"'
