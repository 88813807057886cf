"""Checks a method's parameters against its function's annotations, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rltools._util.limits import MAX_PARAMETER, MAX_SEED, MAX_TEXT, in_digits
from rltools._util.text import nearest_names
from rltools.errors import ArgumentError

CHECKED_ELSEWHERE = frozenset({"groups"})
"""Parameters that name features, which only a policy knows."""


def check_parameters(
    method: str, function: Callable[..., Any], defaults: Mapping[str, Any], parameters: Mapping[str, Any]
) -> None:
    """Check that a method takes parameters of these names and values.

    Args:
        method: its name.
        function: that computes it, with its annotations.
        defaults: of its parameters.
        parameters: to be checked.

    Raises:
        ArgumentError: a parameter the method does not take, a value of another type than its annotation, or a number
            or text far beyond what it can mean.
    """
    if not parameters:
        return
    for name in sorted(parameters.keys() - defaults.keys()):
        close = nearest_names(name, defaults, count=1)
        meant = f"did you mean {close[0]!r}? It" if close else "it"
        raise ArgumentError(f"{method} takes no parameter {name!r}; {meant} takes {_listed(defaults)}")
    hints = _hints(function)
    for name in parameters.keys() - CHECKED_ELSEWHERE:
        kinds = hints.get(name) or _like(defaults[name])
        if kinds and not any(_is(parameters[name], kind) for kind in kinds):
            allowed = " or ".join(dict.fromkeys(map(_words, kinds)))
            raise ArgumentError(
                f"{name} of {method} is {_written(parameters[name])}; it must be {allowed}, for instance "
                f"{defaults[name]!r}"
            )
    for name, value in parameters.items():
        _check_size(f"{name} of {method}", value, MAX_SEED if name == "seed" else MAX_PARAMETER)


def _check_size(name: str, value: Any, most: int) -> None:
    if isinstance(value, list | tuple):
        for element in value:
            _check_size(name, element, most)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise ArgumentError(f"{name} is a text of {len(value):,} characters; it must have at most {MAX_TEXT:,}")
    elif isinstance(value, int | float) and abs(value) > most:
        raise ArgumentError(f"{name} is {in_digits(value)}; it must be at most {most:,}")


def _written(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return in_digits(value)
    return f"{value!r:.80}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"


@cache
def _hints(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """The types that each parameter may have; none if its annotation is anything else."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):  # of another package, that imports a type for type checkers only
        return {}
    return {name: kinds for name, hint in hints.items() if (kinds := _kinds(hint))}


def _kinds(hint: Any) -> tuple[Any, ...]:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    checkable = all(part in (bool, int, float, str, NoneType) or get_origin(part) is Literal for part in parts)
    return tuple(parts) if checkable else ()


def _like(default: Any) -> tuple[Any, ...]:
    """The types of a parameter without an annotation, by its default; a whole number may mean any number."""
    if isinstance(default, bool | str):
        return (type(default),)
    return (float,) if isinstance(default, int | float) else ()


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)
    return isinstance(value, kind)


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return {int: "a whole number", float: "a finite number", str: "a text", bool: "true or false"}.get(kind, "null")
