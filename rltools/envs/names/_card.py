"""The names that a card gives to what an environment observes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.envs.names._atari import button_names
from rltools.envs.names._mujoco import actuator_names, other_model
from rltools.envs.names._named import Found, Named

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard, ObservationCard


def card_names(plain: Found, card: EnvironmentCard) -> Found:
    """The leaves of an environment without wrappers, named where the card names as many entries as there are."""
    said = {path: card.leaf(of.leaf.name) for path, of in plain.items()}
    return {path: _named(of, said[path]) for path, of in plain.items()}


def _named(plain: Named, card: ObservationCard | None) -> Named:
    leaf = plain.leaf
    if card is None:
        return plain
    if card.image is not None:
        return _picture(plain, tuple(card.image.layout.split(",")), card.image.channels)
    if leaf.kind == "number" and card.observation and len(card.observation) == leaf.size:
        names = tuple(entry.name for entry in card.observation)
        return dataclasses.replace(plain, names=names, units=tuple(entry.unit for entry in card.observation))
    if leaf.kind == "choice" and tuple(len(choice.value_names) for choice in card.choices) == leaf.sizes:
        names = tuple(f"{choice.name}={value}" for choice in card.choices for value in choice.value_names)
        return dataclasses.replace(plain, names=names, choices=tuple(choice.name for choice in card.choices))
    return plain


def _picture(plain: Named, layout: tuple[str, ...], channels: tuple[str, ...]) -> Named:
    shape = plain.leaf.shape
    if len(layout) != len(shape) or ("channel" in layout and shape[layout.index("channel")] != len(channels)):
        return plain
    return dataclasses.replace(plain, dims=layout, channels=channels if "channel" in layout else ())


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
