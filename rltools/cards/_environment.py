"""The card of an environment."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rltools._util.yaml import read_yaml, validate
from rltools.cards._card import Card, EnvironmentChoice, Text, different, matching


class ActionEntry(Card):
    """One discrete action, or one dimension of a continuous one."""

    name: Text
    unit: str = ""
    meaning: Text


class EnvironmentCard(Card):
    """What the entries of an environment's observation and its actions are called.

    Attributes:
        environments: the ids and arguments it describes; arguments not named here do not matter to it.
        source: address of the documentation it was written from.
        observation: see `ObservationCard`; for an observation that is one array.
        image: likewise.
        choices: likewise.
        parts: for a Dict or a Tuple, what each of its arrays holds, by its path: `camera/0`.
        actions: one for each discrete action, for each dimension of a continuous one, or for each value of each entry
            of a MultiDiscrete or MultiBinary one; left out where the environment itself says what they are called, as
            Atari games do.
    """

    environments: Annotated[tuple[EnvironmentChoice, ...], Field(strict=False, min_length=1)]
    description: Text
    source: Annotated[str, matching(r"(?s)https?://.*", "an address that begins with http:// or https://")]
    observation: Annotated[tuple[Entry, ...], Field(strict=False)] = ()
    image: ImageObservation | None = None
    choices: Annotated[tuple[Choice, ...], Field(strict=False)] = ()
    parts: dict[str, ObservationCard] = Field(default_factory=dict)
    actions: Annotated[tuple[ActionEntry, ...], Field(strict=False)] = ()

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of the actions, in order."""
        return tuple(action.name for action in self.actions)

    @property
    def observes(self) -> str:
        """What is observed, in a few words: `8 features`, `an image`, `500 values`, `direction, image and mission`."""
        if self.parts:
            *others, last = self.parts
            if last.isdigit():
                return f"{len(self.parts)} parts"
            return f"{', '.join(others)} and {last}" if others else last
        if self.choices:
            return " x ".join(str(len(choice.value_names)) for choice in self.choices) + " values"
        return f"{len(self.observation)} features" if self.observation else "an image"

    def leaf(self, name: str) -> ObservationCard | None:
        """What the card says of one array of the observation, by its path; "" for an observation that is one array."""
        if name:
            return self.parts.get(name)
        if self.parts:
            return None
        return ObservationCard(observation=self.observation, image=self.image, choices=self.choices)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(map(bool, (self.observation, self.image, self.choices, self.parts))) != 1:
            raise ValueError(
                "give exactly one of observation (an entry for each number), image, choices and parts (of a Dict)"
            )
        return self

    @field_validator("observation", "actions")
    @classmethod
    def _names_differ(cls, entries: tuple[Entry | ActionEntry, ...]) -> tuple[Entry | ActionEntry, ...]:
        return different(entries)


def read_environment_card(path: Path) -> EnvironmentCard:
    """The card in a file.

    Raises:
        ConfigError: a card that cannot be read, or with faults; all of them are listed.
    """
    return validate(EnvironmentCard, read_yaml(path), path)


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
