"""Names of an Atari game, as the Arcade Learning Environment provides them."""

from __future__ import annotations

import re
from typing import Any

import gymnasium

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.sources import Names, named_leaf

_BUTTONS = re.compile("NOOP|FIRE|UP|DOWN|LEFT|RIGHT")
_BYTES = 128
COMES_LAST = True


def button_names(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """The buttons pressed by each action: `up right fire`; () for any other environment."""
    meanings = getattr(env, "get_action_meanings", None)
    if not callable(meanings):
        return ()
    return tuple(" ".join(_BUTTONS.findall(name)).lower() or name for name in meanings())


def acted(env: gymnasium.Env[Any, Any]) -> Names | None:
    """The buttons of a game."""
    names = button_names(env)
    return Names(names, "the environment's get_action_meanings()") if names else None


def observed(env: gymnasium.Env[Any, Any], plain: NamedLeaves) -> NamedLeaves:
    """The bytes of the console's memory by their numbers, if the observation is this memory."""
    if not hasattr(env, "ale") or () not in plain or plain[()].leaf.shape != (_BYTES,):
        return {}
    named = named_leaf(plain[()], [f"ram[{number}]" for number in range(_BYTES)], (), "the console's memory")
    return {} if named is None else {(): named}
