"""CityLearn's convention: `observation_names` and `action_names`, a list of texts for each building."""

from __future__ import annotations

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.sources import Env, Names, distinct, name_leaves, texts_in, value_of


def observed(env: Env, plain: NamedLeaves) -> NamedLeaves:
    """The names of all buildings in a row; one that comes again gets a number."""
    names = distinct(texts_in(value_of(env, "observation_names")))
    return name_leaves(plain, names, (), "the environment's observation_names", warn=False) if names else {}


def acted(env: Env) -> Names | None:
    """The names of the actions of all buildings in a row."""
    names = distinct(texts_in(value_of(env, "action_names")))
    return Names(names, "the environment's action_names") if names else None
