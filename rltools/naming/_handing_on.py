"""Handing names on, from what is inside a wrapper to what it gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import gymnasium
from gymnasium import Space

from rltools.naming import wrappers as libraries
from rltools.naming._named import Found, fitted
from rltools.observations import Path

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
