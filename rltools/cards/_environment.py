"""The card of an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from rltools.cards._card import Card, EnvironmentChoice, Text, different, matching
from rltools.cards._observation import Choice, Entry, ImageObservation, ObservationCard
from rltools.strict_yaml import read_yaml, validate


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
