"""What the actions of an environment are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.naming._atari import button_names
from rltools.naming._mujoco import actuator_names, other_model

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard


def action_names(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> tuple[str, ...]:
    """The card's names; else what the simulation calls them: an Atari's buttons, a MuJoCo model's actuators; else ().

    One for each discrete action or dimension of the environment inside all wrappers: whoever uses them compares their
    number with that of the actions there are.

    Args:
        env: made, and left alone.
        card: of the environment inside all wrappers; None where there is none.
    """
    inner = env.unwrapped
    if card is not None and card.action_names and not other_model(inner, card):
        return card.action_names
    return button_names(inner) or tuple(name for name, _ in actuator_names(inner))
