"""What a card says of one array of an observation."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rltools.cards._card import Card, Text, different


class Entry(Card):
    """One entry of an observation.

    Attributes:
        name: short, as it stands on an axis.
        unit: "" where there is none.
        meaning: a sentence.
        range: the lowest and the highest value, in that unit; None where nothing bounds it.
    """

    name: Text
    unit: str = ""
    meaning: Text
    # Lists are all that YAML has; without this, strict validation would refuse to read one as a tuple.
    range: Annotated[tuple[float | None, float | None], Field(strict=False)] = (None, None)


class ImageObservation(Card):
    """An observation that is a picture.

    Attributes:
        layout: what its axes are, for instance "y,x,channel"; "lag" is that of several frames, the last one now.
        channels: what each channel holds.
        meaning: what the picture shows.
        range: of one pixel.
    """

    layout: (
        Literal["y,x", "y,x,channel", "channel,y,x", "x,y,channel"]
        | Literal["lag,y,x", "lag,y,x,channel", "lag,channel,y,x", "y,x,channel,lag"]
    )
    channels: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    meaning: Text
    range: Annotated[tuple[float | None, float | None], Field(strict=False)] = (None, None)


class Factor(Card):
    """One of the things that a value of a choice stands for at once."""

    name: Text
    values: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Choice(Card):
    """Something that is one of several values: a Discrete observation, or an entry of a MultiDiscrete one.

    Attributes:
        name: short, as it stands on an axis; its entries are then called `name=value`.
        meaning: a sentence.
        values: a name for each value, from the lowest on.
        factors: where a value stands for several things at once, each of them, the last one counting fastest; the names
            of the values are made of theirs. Given exactly where `values` is not.
    """

    name: Text
    meaning: Text
    values: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    factors: Annotated[tuple[Factor, ...], Field(strict=False)] = ()

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each value."""
        if self.values:
            return self.values
        named = [[f"{factor.name} {value}" for value in factor.values] for factor in self.factors]
        return tuple(", ".join(parts) for parts in product(*named))

    @model_validator(mode="after")
    def _values_or_factors(self) -> Self:
        if bool(self.values) == bool(self.factors):
            raise ValueError("give either values or factors")
        return self


class TextObservation(Card):
    """An observation that is a text: it is recorded, and no number stands for it."""

    meaning: Text


class ObservationCard(Card):
    """What one array of an observation holds: exactly one of these is given.

    Attributes:
        observation: numbers, one entry for each, in row-major order.
        image: a picture.
        choices: of a Discrete one, or one for each entry of a MultiDiscrete one.
        text: a text.
    """

    observation: Annotated[tuple[Entry, ...], Field(strict=False)] = ()
    image: ImageObservation | None = None
    choices: Annotated[tuple[Choice, ...], Field(strict=False)] = ()
    text: TextObservation | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(map(bool, (self.observation, self.image, self.choices, self.text))) != 1:
            raise ValueError("give exactly one of observation, image, choices and text")
        return self

    @field_validator("observation")
    @classmethod
    def _names_differ(cls, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return different(entries)
