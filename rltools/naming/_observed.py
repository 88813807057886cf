"""From the innermost environment outwards: its card names the entries, and each wrapper hands the names on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.features import Features
from rltools.naming._atari import memory_names
from rltools.naming._card import card_names
from rltools.naming._handing_on import hand_on
from rltools.naming._layers import layers
from rltools.naming._mujoco import model_names, other_model
from rltools.naming._named import Found, put_together, unnamed

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard


def observed_features(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> Features:
    """The features of what an environment gives, wrappers included; numbered where nothing names them.

    Args:
        env: made, and left alone.
        card: of the environment inside all wrappers; None where there is none.

    Raises:
        ArgumentError: a space that is not supported.
    """
    stack = layers(env)
    found = _innermost(stack[0].env, unnamed(stack[0].space), card)
    for inner, outer in pairwise(stack):
        found = hand_on(outer.env, found, inner.space, outer.space)
    return put_together(found, stack[-1].space)


def _innermost(env: gymnasium.Env[Any, Any], plain: Found, card: EnvironmentCard | None) -> Found:
    """What the card says; where it says nothing that fits, what the simulation's own model says."""
    found = card_names(plain, card) if card is not None and not other_model(env, card) else plain
    for names in (model_names, memory_names):
        if () in found and not found[()].names:
            found = names(env, found[()])
    return found
