"""LeRobot's convention: features by their keys, `observation.state` and `action`, each with the names of its elements.

`features`, an attribute of the environment or an entry of its `metadata`, is what a LeRobot data set calls so: for each
key a mapping with `names`, a list or a mapping with one (`{"motors": [...]}`). A robot's own `observation_features` and
`action_features` list each motor by name: `{"shoulder_pan.pos": float, "wrist": (480, 640, 3)}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rltools.envs.names._named import NamedLeaf, NamedLeaves
from rltools.envs.names.sources import Env, Names, named_leaf, texts_in, value_of

_OBSERVATION, _ACTION = "observation", "action"


def observed(env: Env, plain: NamedLeaves) -> NamedLeaves:
    """The names of `observation.state` and of every other array whose key is that of a feature."""
    listed, origin = _features(env)
    vectors = [path for path, leaf in plain.items() if leaf.leaf.kind == "number" and not leaf.is_image]
    made: NamedLeaves = {}
    for path, leaf in plain.items():
        keys = _keys(leaf, alone=vectors == [path])
        names = next((texts for key in keys if (texts := _names(listed.get(key)))), ())
        if names and (named := named_leaf(leaf, names, (), origin)) is not None:
            made[path] = named
    if len(vectors) == 1 and vectors[0] not in made:
        motors = _motors(value_of(env, "observation_features"))
        named = named_leaf(plain[vectors[0]], motors, (), "the robot's observation_features") if motors else None
        made |= {vectors[0]: named} if named is not None else {}
    return made


def acted(env: Env) -> Names | None:
    """The names of `action`."""
    listed, origin = _features(env)
    if names := _names(listed.get(_ACTION)):
        return Names(names, origin)
    motors = _motors(value_of(env, "action_features"))
    return Names(motors, "the robot's action_features") if motors else None


def _features(env: Env) -> tuple[Mapping[str, Any], str]:
    metadata = value_of(env, "metadata")
    within = metadata.get("features") if isinstance(metadata, Mapping) else None
    for value, origin in ((value_of(env, "features"), "features"), (within, "metadata['features']")):
        if isinstance(value, Mapping) and any(_names(entry) for entry in value.values()):
            return value, f"the environment's {origin}, as LeRobot has them"
    return {}, ""


def _keys(leaf: NamedLeaf, *, alone: bool) -> list[str]:
    """The keys under which a data set has an array; the only vector is the state."""
    own = leaf.leaf.name.replace("/", ".")
    keys = [own, f"{_OBSERVATION}.{own}"] if own else []
    return [*keys, f"{_OBSERVATION}.state"] if alone else keys


def _names(feature: Any) -> tuple[str, ...]:
    """The names of a feature's elements: a list of texts, or a mapping with a single one."""
    names = feature.get("names") if isinstance(feature, Mapping) else None
    if isinstance(names, Mapping):
        names = next(iter(names.values())) if len(names) == 1 else None
    return texts_in(names)


def _motors(features: Any) -> tuple[str, ...]:
    """The numbers among a robot's features, which are types; images are shapes."""
    if not isinstance(features, Mapping):
        return ()
    return tuple(name for name, kind in features.items() if isinstance(name, str) and kind in (float, int, bool))
