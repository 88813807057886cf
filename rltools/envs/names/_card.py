"""Names by an environment's card."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import gymnasium

from rltools.envs.names._named import NamedLeaf, NamedLeaves
from rltools.envs.names.sources import Names, actions_from_environment, attributes
from rltools.envs.names.sources.mujoco import other_model
from rltools.spaces.layout import Factor, Objects

if TYPE_CHECKING:
    from rltools.cards import EnvironmentCard, ImageObservation, ObservationCard


def card_names(plain: NamedLeaves, card: EnvironmentCard) -> NamedLeaves:
    """The leaves of an environment without wrappers, named if the card lists as many elements as there are.

    A number that `rltools new env` wrote into a card, and that nobody has replaced, names nothing.
    """
    named = {path: _named(leaf, card.leaf(leaf.leaf.name)) for path, leaf in plain.items()}
    return {path: _with_origins(leaf, plain[path], card.origin) for path, leaf in named.items()}


def _with_origins(named: NamedLeaf, plain: NamedLeaf, origin: str) -> NamedLeaf:
    """The leaf with the origin of each name; without names if all of them are the numbers of the elements."""
    numbered = plain.part.numbered() if named.names else []
    origins = tuple("" if name == number else origin for name, number in zip(named.names, numbered, strict=True))
    return dataclasses.replace(named, origins=origins, names=named.names if any(origins) else ())


def _named(plain: NamedLeaf, card: ObservationCard | None) -> NamedLeaf:
    leaf = plain.leaf
    if card is None:
        return plain
    if card.image is not None:
        return _image(plain, card.image)
    if leaf.kind == "number" and card.observation and len(card.observation) == leaf.size:
        names = tuple(entry.name for entry in card.observation)
        return dataclasses.replace(plain, names=names, units=tuple(entry.unit for entry in card.observation))
    if leaf.kind == "choice" and tuple(len(choice.value_names) for choice in card.choices) == leaf.sizes:
        names = tuple(f"{choice.name}={value}" for choice in card.choices for value in choice.value_names)
        factors = tuple(
            tuple(Factor(factor.name, factor.values) for factor in choice.factors) for choice in card.choices
        )
        choices = tuple(choice.name for choice in card.choices)
        return dataclasses.replace(plain, names=names, choices=choices, factors=factors)
    return plain


def _image(plain: NamedLeaf, card: ImageObservation) -> NamedLeaf:
    layout, channels, shape = tuple(card.layout.split(",")), card.channels, plain.leaf.shape
    if len(layout) != len(shape) or (
        channels and "channel" in layout and shape[layout.index("channel")] != len(channels)
    ):
        return plain
    if "channel" not in layout:
        return dataclasses.replace(plain, dims=layout)
    codes = card.objects
    objects = None if codes is None else Objects(codes.channel, codes.names)
    return dataclasses.replace(plain, dims=layout, channels=channels, objects=objects)


def action_names(env: gymnasium.Env[Any, Any], card: EnvironmentCard | None) -> Names:
    """The names of the actions and where they are from: a wrapper, the card, or the environment itself.

    One per discrete action or dimension of the innermost environment. Wrappers can change the actions, so callers
    compare the number of names with the number of actions.

    Args:
        env: a live environment; it is not changed.
        card: of the innermost environment; None without one.
    """
    while isinstance(env, gymnasium.Wrapper):
        if (own := attributes.acted(env)) is not None:
            return own
        env = env.env
    inner = env.unwrapped
    if card is not None and _are_edited(card.action_names) and not other_model(inner, card):
        return Names(card.action_names, card.origin)
    return actions_from_environment(inner)


def _are_edited(names: tuple[str, ...]) -> bool:
    """Whether a card names actions, and not all of them by their numbers, as `rltools new env` writes them."""
    return any(name != numbered_action(position) for position, name in enumerate(names))


def numbered_action(position: int) -> str:
    """What a card calls an action until somebody names it.

    >>> numbered_action(2)
    'action 2'
    """
    return f"action {position}"
