"""The convention of highway-env: `features` of the observation of vehicles, and the names of its maneuvers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.sources import Env, Names, named_leaf, texts_in, value_of

_UNITS = {"x": "m", "y": "m", "vx": "m/s", "vy": "m/s", "heading": "rad", "long_off": "m", "lat_off": "m"}
_UNITS |= {"ang_off": "rad"}
_AXES = ("acceleration", "steering")


def observed(env: Env, plain: NamedLeaves) -> NamedLeaves:
    """A row of features for each vehicle, the agent's own first; or a channel for each feature of a grid."""
    observer = value_of(env, "observation_type")
    features = texts_in(value_of(observer, "features"))
    leaf = plain.get(())
    if leaf is None or not features or not type(observer).__module__.startswith("highway_env."):
        return {}
    origin, shape = "highway-env's features of a vehicle", leaf.leaf.shape
    if len(shape) != 2 or shape[1] != len(features) or not type(observer).__name__.startswith("Kinematic"):
        return {}
    vehicles = ["own", *(f"vehicle {number}" for number in range(1, shape[0]))]
    names = [f"{vehicle} {feature}" for vehicle in vehicles for feature in features]
    # Normalized features are fractions of a range.
    plainly = value_of(observer, "normalize") is False
    units = [_UNITS.get(feature, "") for _ in vehicles for feature in features] if plainly else []
    named = named_leaf(leaf, names, units, origin)
    return {} if named is None else {(): named}


def acted(env: Env) -> Names | None:
    """The maneuvers, or what a continuous action controls."""
    kind = value_of(env, "action_type")
    if kind is None or not type(kind).__module__.startswith("highway_env."):
        return None
    maneuvers: Any = value_of(kind, "actions")
    if isinstance(maneuvers, Mapping):
        names = texts_in([maneuvers[number] for number in sorted(maneuvers)])
        return Names(tuple(name.lower().replace("_", " ") for name in names), "highway-env's maneuvers")
    controls = (value_of(kind, "longitudinal"), value_of(kind, "lateral"))
    names = tuple(axis for axis, on in zip(_AXES, controls, strict=True) if on is True)
    return Names(names, "highway-env's controls") if names else None
