"""From the innermost environment outwards: its card names the entries, and each wrapper hands the names on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium import Space, spaces

from rltools.envs.names import wrappers as libraries
from rltools.envs.names._atari import memory_names
from rltools.envs.names._card import card_names
from rltools.envs.names._mujoco import model_names, other_model
from rltools.envs.names._named import Found, fitted, put_together, unnamed
from rltools.spaces import Features
from rltools.spaces.leaves import Path

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard


def observed_features(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> Features:
    """The features of what an environment gives, wrappers included; numbered where nothing names them.

    Args:
        env: made, and left alone.
        card: of the environment inside all wrappers; None where there is none.

    Raises:
        ArgumentError: a space that is not supported.
    """
    stack = layers(env)
    found = _innermost(stack[0].env, unnamed(stack[0].space), card)
    for inner, outer in pairwise(stack):
        found = hand_on(outer.env, found, inner.space, outer.space)
    return put_together(found, stack[-1].space)


def _innermost(env: gymnasium.Env[Any, Any], plain: Found, card: EnvironmentCard | None) -> Found:
    """What the card says; where it says nothing that fits, what the simulation's own model says."""
    found = card_names(plain, card) if card is not None and not other_model(env, card) else plain
    for names in (model_names, memory_names):
        if () in found and not found[()].names:
            found = names(env, found[()])
    return found


Rule = Callable[[Any, Found], Mapping[Path, Any]]


def hand_on(wrapper: gymnasium.Env[Any, Any], inner: Found, before: Space[Any], after: Space[Any]) -> Found:
    """What is known outside a wrapper, from what is known inside.

    A wrapper without a rule keeps the names where its space is the inner one; one that changes the observation itself
    loses the units. Otherwise nothing is known of what it gives.

    Args:
        wrapper: the wrapper.
        inner: see `Found`.
        before: the space inside.
        after: the space outside.
    """
    rule = _rule(type(wrapper))
    if rule is not None:
        return fitted(rule(wrapper, inner), after)
    if before != after:
        return fitted({}, after)
    changes = isinstance(wrapper, gymnasium.ObservationWrapper)
    return fitted(without_units(inner) if changes else inner, after)


def without_units(inner: Found) -> Found:
    """What was rescaled keeps its name and loses its unit."""
    return {path: dataclasses.replace(of, units=()) for path, of in inner.items()}


def _rule(wrapper: type) -> Rule | None:
    # The class itself, and no class derived from it: what that one does to an observation is not known here.
    library = wrapper.__module__.partition(".")[0]
    if library not in {module.name for module in iter_modules(libraries.__path__)}:
        return None
    rules: dict[str, Rule] = import_module(f"{libraries.__name__}.{library}").RULES
    return rules.get(wrapper.__name__)


@dataclass(frozen=True)
class Layer:
    """An environment or a wrapper, and the space of what it gives."""

    env: gymnasium.Env[Any, Any]
    space: Space[Any]


def layers(env: gymnasium.Env[Any, Any]) -> list[Layer]:
    """From the environment inside all wrappers outwards."""
    found: list[Layer] = []
    lengthened: list[Space[Any]] = []
    while True:
        space = env.observation_space
        found.append(Layer(env, _shortened(space, sum(space is other for other in lengthened))))
        if not isinstance(env, gymnasium.Wrapper):
            return found[::-1]
        # This one writes its longer space into the environment inside, which goes on giving what it gave before.
        if type(env).__name__ == "TimeFeatureWrapper":
            lengthened.append(env.env.observation_space)
        env = env.env


def _shortened(space: Space[Any], by: int) -> Space[Any]:
    if not by:
        return space
    if isinstance(space, spaces.Dict):
        inner = _shortened(space.spaces["observation"], by)
        return spaces.Dict({**space.spaces, "observation": inner}, sort_keys=space.sort_keys)
    if isinstance(space, spaces.Box) and space.dtype is not None:
        return spaces.Box(space.low[:-by], space.high[:-by], dtype=space.dtype.type)
    return space
