"""How each wrapper that changes an observation hands on the names of its entries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import gymnasium

from rltools.features import Features, space_features

Rule = Callable[[Any, Features], Features | None]


def wrapped_features(wrapper: gymnasium.Wrapper[Any, Any, Any, Any], inner: Features | None) -> Features | None:
    """The features outside a wrapper, from those inside; None where it changes them in a way that nobody knows."""
    plain = space_features(wrapper.observation_space)
    if inner is None:
        return None
    rule = _RULES.get(type(wrapper).__name__)
    if rule is not None:
        return rule(wrapper, inner)
    same = wrapper.observation_space == wrapper.env.observation_space
    return inner if same else _without_units(inner) if plain.shape == inner.shape else None


def _stacked(wrapper: Any, inner: Features) -> Features | None:
    """`[stack, *shape]`, the oldest first."""
    return inner.windowed(int(wrapper.observation_space.shape[0])) if not inner.leaves else None


def _without_units(inner: Features) -> Features:
    """What was rescaled keeps its name and loses its unit."""
    return dataclasses.replace(inner, units=())


_RULES: dict[str, Rule] = {
    "FrameStackObservation": _stacked,
    "NormalizeObservation": lambda wrapper, inner: _without_units(inner),
    "RescaleObservation": lambda wrapper, inner: _without_units(inner),
    "TransformObservation": lambda wrapper, inner: _without_units(inner),
}
