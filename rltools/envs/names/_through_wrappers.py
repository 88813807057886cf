"""The names of an environment's observation, carried from the innermost environment outward through its wrappers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium import Space, spaces

from rltools.envs.names._card import card_names
from rltools.envs.names._named import NamedLeaves, features_of, fit_to_space, unnamed_leaves, without_units
from rltools.envs.names.sources import attributes, names_from_environment, texts_in, value_of
from rltools.envs.names.sources.mujoco import other_model
from rltools.envs.names.wrappers import wrapper_library
from rltools.spaces import Features

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard


def observed_features(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> Features:
    """The features of an environment's observation, wrappers included; elements without names are numbered.

    Args:
        env: a live environment; it is not changed.
        card: of the innermost environment; None without one.

    Raises:
        ArgumentError: an unsupported space.
    """
    layers = _layers(env)
    named = _innermost(layers[0].env, unnamed_leaves(layers[0].space), card)
    for inner, outer in pairwise(layers):
        named = _through(outer.env, named, inner.space, outer.space)
    features = features_of(named, layers[-1].space)
    groups = _groups(layers[0].env, card)
    return dataclasses.replace(features, named_groups=groups) if groups else features


def _groups(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The groups of features that the card or the environment (`feature_groups`) names."""
    if card is not None and card.groups:
        return tuple(card.groups.items())
    groups = value_of(env, "feature_groups")
    if not isinstance(groups, Mapping):
        return ()
    members = ((str(name), texts_in(names)) for name, names in groups.items())
    return tuple((name, names) for name, names in members if names)


def _innermost(env: gymnasium.Env[Any, Any], plain: NamedLeaves, card: EnvironmentCard | None) -> NamedLeaves:
    """The names by the card; of what it does not name, by the environment itself."""
    named = card_names(plain, card) if card is not None and not other_model(env, card) else plain
    return names_from_environment(env, named)


def _through(
    wrapper: gymnasium.Env[Any, Any], inner: NamedLeaves, before: Space[Any], after: Space[Any]
) -> NamedLeaves:
    """The names outside a wrapper from those inside, by its library's rule.

    Without a rule, names are those that the wrapper itself has (`feature_names`). Without these they are kept if its
    space is the inner one, and dropped if not; an `ObservationWrapper` loses the units. A rule is not applied to
    derived classes, which may do anything.
    """
    rule = wrapper_library(type(wrapper).__module__).rules.get(type(wrapper).__name__)
    if rule is not None:
        return fit_to_space(rule(wrapper, inner), after)
    own = attributes.observed(wrapper, unnamed_leaves(after))
    if before != after:
        return fit_to_space(own, after)
    changes = isinstance(wrapper, gymnasium.ObservationWrapper)
    return fit_to_space((without_units(inner) if changes else inner) | own, after)


@dataclass(frozen=True)
class _Layer:
    """An environment or a wrapper, and the space of the observations it returns."""

    env: gymnasium.Env[Any, Any]
    space: Space[Any]


def _layers(env: gymnasium.Env[Any, Any]) -> list[_Layer]:
    """The innermost environment and its wrappers, from the inside out."""
    layers: list[_Layer] = []
    lengthened: list[Space[Any]] = []
    while True:
        space = env.observation_space
        layers.append(_Layer(env, _shortened(space, sum(space is other for other in lengthened))))
        if not isinstance(env, gymnasium.Wrapper):
            return layers[::-1]
        # It writes its longer space into the environment it wraps, which still returns what it did before.
        if type(env).__name__ in wrapper_library(type(env).__module__).lengthens_inner:
            lengthened.append(env.env.observation_space)
        env = env.env


def _shortened(space: Space[Any], elements: int) -> Space[Any]:
    if not elements:
        return space
    if isinstance(space, spaces.Dict):
        inner = _shortened(space.spaces["observation"], elements)
        return spaces.Dict({**space.spaces, "observation": inner}, sort_keys=space.sort_keys)
    if isinstance(space, spaces.Box) and space.dtype is not None:
        return spaces.Box(space.low[:-elements], space.high[:-elements], dtype=space.dtype.type)
    return space
