"""The names that a card gives to what an environment observes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rltools.naming._named import Found, Named

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
