"""Sweeps: an experiment whose keys take several values, each combination of which is a point."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue

from rltools._util.yaml import validated
from rltools.experiments._changes import KeyPathError, Position, set_key, shortened
from rltools.experiments._elements import MAX_ELEMENTS, file_safe

E = TypeVar("E", bound=BaseModel)
"""An experiment; this module imports none, because it checks a part of them."""
Sweep = Mapping[str, Mapping[str, JsonValue]]
"""The values of each key, by their names."""
Point = Mapping[str, JsonValue]
"""A value, or the name of one, for each key of a sweep."""
MAX_POINTS = 1_000
"""The most points of a sweep."""
WHOLE = ("description", "only_fitting", "sweep", "zoo", "reports")
"""Keys that an experiment has once, so that no sweep changes them."""


def named_values(values: Any) -> dict[str, JsonValue]:
    """The values of a key by their names, from a list of numbers, texts and truths or from a mapping of names.

    Raises:
        ValueError: it is neither, it is empty, two values have the same name, or a value in a list has none.

    Example:
        >>> from rltools.experiments._sweep import named_values
        >>> named_values([8, 0.5, True])
        {'8': 8, '0.5': 0.5, 'true': True}
    """
    if isinstance(values, dict) and values:
        named = {str(name): value for name, value in values.items()}
    elif isinstance(values, list) and values:
        if unnamed := [value for value in values if isinstance(value, dict | list)]:
            raise ValueError(f"{json.dumps(unnamed[0])[:80]} has no name; write a mapping {{name: value, ...}}")
        named = {value_name(value): value for value in values}
        if len(named) < len(values):
            raise ValueError("has the same value twice; leave one of them out")
    else:
        raise ValueError("must be a list of values, or a mapping {name: value, ...}, and not be empty")
    if len(named) > MAX_ELEMENTS:
        raise ValueError(f"must have at most {MAX_ELEMENTS} values, and has {len(named)}")
    return named


def value_name(value: JsonValue) -> str:
    """A number, a text or a truth as it is written."""
    return value if isinstance(value, str) else json.dumps(value)


def points_of(sweep: Sweep) -> list[Point]:
    """All combinations of the values of a sweep; a single empty one without a sweep.

    A value that is a number, a text or a truth stands for itself, any other is represented by its name.
    """
    keys = [[(key, _displayed(name, value)) for name, value in named.items()] for key, named in sweep.items()]
    return [dict(combination) for combination in itertools.product(*keys)]


def _displayed(name: str, value: JsonValue) -> JsonValue:
    return value if not isinstance(value, dict | list) and name == value_name(value) else name


def point_text(point: Point, keys: Mapping[str, Any]) -> str:
    """A point as a part of a label: each key by its last part, or as many as tell it from the other keys.

    Example:
        >>> from rltools.experiments._sweep import point_text
        >>> point = {"methods.0.parameters.steps": 8, "environment.kwargs.gravity": -12}
        >>> point_text(point, point)
        'steps=8,gravity=-12'
    """
    return ",".join(f"{_short(key, keys)}={file_safe(value_name(value))}" for key, value in point.items())


def _short(key: str, keys: Mapping[str, Any]) -> str:
    parts = key.split(".")
    for count in range(1, len(parts)):
        ending = parts[-count:]
        if sum(other.split(".")[-count:] == ending for other in keys) == 1:
            return file_safe(".".join(ending))
    return file_safe(key)


def plan_at(plan: E, sweep: Sweep, point: Point) -> E:
    """An experiment with the values that a point of its sweep has, and without the sweep.

    Raises:
        KeyPathError: a key leads nowhere.
        ValueError: lists the faults that the values make.
    """
    if not point:
        return plan
    content = plan.model_dump(mode="json") | {"sweep": {}}
    for key, value in point.items():
        set_key(content, key, json.loads(json.dumps(sweep[key][value_name(value)])))
    valid, faults = validated(type(plan), content)
    if valid is None:
        raise ValueError("\n".join(faults))
    return valid


def sweep_faults(plan: BaseModel, sweep: Sweep) -> list[str]:
    """All faults of a sweep: keys that lead nowhere or overlap, and values that an experiment cannot have."""
    faults = list(_key_faults(plan, sweep))
    count = math.prod(len(named) for named in sweep.values())
    if count > MAX_POINTS:
        faults.append(f"sweep: has {count:,} points, and may have up to {MAX_POINTS:,}; leave some values out")
    if faults:
        return faults
    # Each value alone first: a fault of one is a fault of every point that has it.
    single = [point for key, named in sweep.items() for point in points_of({key: named})]
    for tried in (single, points_of(sweep)):
        faults = [fault for point in tried for fault in _point_faults(plan, sweep, point)]
        if faults:
            break
    return faults


def _point_faults(plan: BaseModel, sweep: Sweep, point: Point) -> list[str]:
    try:
        plan_at(plan, sweep, point)
    except ValueError as error:
        where = ", ".join(f"{key}={value_name(value)}" for key, value in point.items())
        return [f"sweep, {shortened(where)}: {line}" for line in str(error).splitlines()]
    return []


def _key_faults(plan: BaseModel, sweep: Sweep) -> Iterator[str]:
    """Keys that an experiment has once, that lead nowhere, or that are in each other."""
    earlier: dict[Position, str] = {}
    for key in sweep:
        if key.partition(".")[0] in WHOLE:
            yield f"sweep: {shortened(key)} is of the whole experiment; sweep what is done with each agent"
            continue
        try:
            position = set_key(plan.model_dump(mode="json"), key, None)
        except KeyPathError as error:
            yield f"sweep, {shortened(key)}: {error}"
            continue
        for other, name in earlier.items():
            if position[: len(other)] == other or other[: len(position)] == position:
                yield f"sweep: {shortened(key)} and {shortened(name)} set the same; leave one of them out"
        earlier[position] = key
