"""The card of an environment."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from rltools._util.text import did_you_mean
from rltools._util.yaml import read_yaml, validate
from rltools.cards._card import Card, EnvironmentChoice, Text, check_distinct_names, must_match, or_text
from rltools.cards.content import content_folders


class Action(Card):
    """One discrete action, or one dimension of a continuous action."""

    name: Text
    unit: str = ""
    meaning: str = ""


class EnvironmentCard(Card):
    """The names of the elements of an environment's observation and of its actions.

    Attributes:
        environments: the ids and arguments it describes; arguments not named here do not matter, and an id alone is
            enough.
        description: a sentence about the environment; "" for none.
        source: URL of the documentation it was written from; "" for none.
        observation: see `ObservationCard`; for an observation that is one array.
        image: see `ObservationCard`.
        choices: see `ObservationCard`.
        parts: for a Dict or a Tuple, what each of its arrays holds, by its path: `camera/0`.
        actions: one per discrete action, per dimension of a continuous action, or per value of each element of a
            MultiDiscrete or MultiBinary one; omitted if the environment itself names them, as Atari games do.
        groups: of features that are explained or hidden together (`groups="card"`), by name; each feature, choice or
            array of a Dict is in one group at most.
    """

    environments: Annotated[tuple[Annotated[EnvironmentChoice, or_text("id")], ...], Field(strict=False, min_length=1)]
    description: str = ""
    source: Annotated[str, must_match(r"(?s)(https?://.*)?", "an address that begins with http:// or https://")] = ""
    observation: Annotated[tuple[Annotated[Element, or_text("name")], ...], Field(strict=False)] = ()
    image: ImageObservation | None = None
    choices: Annotated[tuple[Choice, ...], Field(strict=False)] = ()
    parts: dict[str, ObservationCard] = Field(default_factory=dict)
    actions: Annotated[tuple[Annotated[Action, or_text("name")], ...], Field(strict=False)] = ()
    groups: dict[Text, Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]] = Field(default_factory=dict)

    _path: Path | None = PrivateAttr(None)

    @property
    def origin(self) -> str:
        """Which card it is, to complete "named by": its name in the package, else its path."""
        if self._path is None:
            return "an environment card"
        if self._path.parent == content_folders("envs")[-1]:
            return f"the card {self._path.name} of rltools"
        here = Path.cwd()
        return f"the card {self._path.relative_to(here) if self._path.is_relative_to(here) else self._path}"

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of the actions, in order."""
        return tuple(action.name for action in self.actions)

    @property
    def observes(self) -> str:
        """The observation in a few words: `8 features`, `an image`, `500 values`, `direction, image and mission`."""
        if self.parts:
            *others, last = self.parts
            if last.isdigit():
                return f"{len(self.parts)} parts"
            return f"{', '.join(others)} and {last}" if others else last
        if self.choices:
            return " x ".join(str(len(choice.value_names)) for choice in self.choices) + " values"
        return f"{len(self.observation)} features" if self.observation else "an image"

    def leaf(self, name: str) -> ObservationCard | None:
        """The card of one array of the observation by its path, "" for an observation that is one array."""
        if name:
            return self.parts.get(name)
        if self.parts:
            return None
        return ObservationCard(observation=self.observation, image=self.image, choices=self.choices)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(map(bool, (self.observation, self.image, self.choices, self.parts))) != 1:
            raise ValueError(
                "give exactly one of observation (an element per number), image, choices and parts (of a Dict)"
            )
        return self

    @field_validator("observation", "actions")
    @classmethod
    def _names_differ(cls, items: tuple[Element | Action, ...]) -> tuple[Element | Action, ...]:
        return check_distinct_names(items)

    @model_validator(mode="after")
    def _grouped_once(self) -> Self:
        members = [member for group in self.groups.values() for member in group]
        if twice := sorted({member for member in members if members.count(member) > 1}):
            raise ValueError(f"groups: {twice[0]!r} is in two groups; each feature is in one")
        names = {element.name for element in self.observation}
        unknown = [member for member in members if names and member not in names]
        if unknown:
            raise ValueError(
                f"groups: {unknown[0]!r} is no element of the observation ({did_you_mean(unknown[0], names)})"
            )
        return self


def read_environment_card(path: Path) -> EnvironmentCard:
    """Read an environment's card.

    Raises:
        ConfigError: a card that cannot be read, or has faults; all faults are listed.
    """
    card = validate(EnvironmentCard, read_yaml(path), path)
    card._path = Path(path).absolute()
    return card


class Element(Card):
    """One element of an observation.

    Attributes:
        name: short, fit for an axis label.
        unit: "" for none.
        meaning: a sentence; "" for none.
        range: the lowest and the highest value, in that unit; None if unbounded.
    """

    name: Text
    unit: str = ""
    meaning: str = ""
    # YAML has lists only, which strict validation would not accept as a tuple.
    range: Annotated[tuple[float | None, float | None], Field(strict=False)] = (None, None)


class ObjectCodes(Card):
    """The codes in a channel of an image that say what is in each cell.

    Attributes:
        channel: which of the image's channels holds the codes.
        names: what each code means, from 0 on.
    """

    channel: Text
    names: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class ImageObservation(Card):
    """An observation that is an image.

    Attributes:
        layout: its axes, for instance "y,x,channel"; "lag" is the axis of several frames, the newest last.
        channels: what each channel holds; empty if unknown.
        meaning: what the image shows; "" if unknown.
        range: of a pixel.
        objects: the codes of what is in each cell, if one of the channels holds such codes.
    """

    layout: (
        Literal["y,x", "y,x,channel", "channel,y,x", "x,y,channel"]
        | Literal["lag,y,x", "lag,y,x,channel", "lag,channel,y,x", "y,x,channel,lag"]
    )
    channels: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    meaning: str = ""
    range: Annotated[tuple[float | None, float | None], Field(strict=False)] = (None, None)
    objects: ObjectCodes | None = None

    @model_validator(mode="after")
    def _codes_in_a_channel(self) -> Self:
        if self.objects is not None and ("channel" not in self.layout or self.objects.channel not in self.channels):
            raise ValueError(
                f"objects are in the channel {self.objects.channel!r}, which is none of {', '.join(self.channels)}"
            )
        return self


class Factor(Card):
    """One of several quantities that a value of a choice combines."""

    name: Text
    values: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Choice(Card):
    """A categorical observation: a Discrete one, or an element of a MultiDiscrete one.

    Attributes:
        name: short, fit for an axis label; its one-hot elements are called `name=value`.
        meaning: a sentence; "" for none.
        values: a name for each value, from the lowest on.
        factors: the quantities that a value combines, the last one varying fastest; they name the values. Given exactly
            where `values` is not.
    """

    name: Text
    meaning: str = ""
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
    """An observation that is a text; it is recorded and not encoded."""

    meaning: str = ""


class ObservationCard(Card):
    """The content of one array of an observation; exactly one attribute is given.

    Attributes:
        observation: the elements of an array of numbers, in row-major order.
        image: an image.
        choices: the choice of a Discrete array, or one for each element of a MultiDiscrete one.
        text: a text.
    """

    observation: Annotated[tuple[Annotated[Element, or_text("name")], ...], Field(strict=False)] = ()
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
    def _names_differ(cls, items: tuple[Element, ...]) -> tuple[Element, ...]:
        return check_distinct_names(items)
