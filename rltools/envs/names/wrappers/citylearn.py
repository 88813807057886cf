"""The wrappers of CityLearn, which keep the names of what they return in `observation_names`."""

from __future__ import annotations

import dataclasses
from typing import Any

from rltools.envs.names._named import NamedLeaves, unnamed_leaves
from rltools.envs.names.sources import distinct, texts_in, value_of
from rltools.envs.names.wrappers import WrapperLibrary


def _all_buildings(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The names of all buildings in a row, by the first environment inside the wrapper that has them."""
    env = wrapper
    while env is not None and not (names := texts_in(value_of(env, "observation_names"))):
        env = vars(env).get("env")
    plain = unnamed_leaves(wrapper.observation_space)
    if env is None or () not in plain:
        return plain
    origins = ("the environment's observation_names",) * len(names)
    return {(): dataclasses.replace(plain[()], names=distinct(names), origins=origins)}


LIBRARY = WrapperLibrary(rules={"StableBaselines3ObservationWrapper": _all_buildings})
