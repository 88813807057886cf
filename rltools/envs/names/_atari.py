"""Names of an Atari game, as the Arcade Learning Environment provides them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import gymnasium

from rltools.envs.names._named import NamedLeaf, NamedLeaves

_BUTTONS = re.compile("NOOP|FIRE|UP|DOWN|LEFT|RIGHT")
_BYTES = 128


def button_names(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """The buttons pressed by each action: `up right fire`; () for any other environment."""
    meanings = getattr(env, "get_action_meanings", None)
    if not callable(meanings):
        return ()
    return tuple(" ".join(_BUTTONS.findall(name)).lower() or name for name in meanings())


def memory_names(env: gymnasium.Env[Any, Any], plain: NamedLeaf) -> NamedLeaves:
    """The bytes of the console's memory by their numbers, if the observation is this memory."""
    if not hasattr(env, "ale") or plain.leaf.shape != (_BYTES,):
        return {(): plain}
    return {(): dataclasses.replace(plain, names=tuple(f"ram[{number}]" for number in range(_BYTES)))}
