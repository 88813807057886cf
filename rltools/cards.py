"""The cards of agents and environments: what their .yaml files say, checked."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from rltools.content import list_content
from rltools.errors import ConfigError
from rltools.strict_yaml import read_yaml, validate

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

PLAIN_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, Field(pattern=PLAIN_NAME)]


class Card(BaseModel):
    """What every card has in common: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class EnvironmentChoice(Card):
    """An environment and the arguments it is made with.

    Attributes:
        id: as registered with Gymnasium.
        kwargs: arguments of the environment; in an environment's card, those that decide whether the card fits.
    """

    id: Text
    kwargs: dict[str, JsonValue] = {}


class ModelFile(Card):
    """A model beside its card.

    Attributes:
        file: name of the model file in the card's folder.
        sha256: of that file.
        normalize: name of the file of VecNormalize statistics in the same folder; None where there are none.
        normalize_sha256: of those statistics; given exactly when `normalize` is.
    """

    file: FileName
    sha256: Sha256
    normalize: FileName | None = None
    normalize_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.normalize is None) != (self.normalize_sha256 is None):
            raise ValueError("normalize and normalize_sha256 belong together: give both or neither")
        return self


class Training(Card):
    """How an agent was trained.

    Attributes:
        steps: of the environment.
        versions: of the libraries, by name.
    """

    steps: Count
    seed: int
    hyperparameters: dict[str, JsonValue] = {}
    versions: dict[str, str] = {}


class Returns(Card):
    """Undiscounted returns of a trained agent over whole episodes."""

    mean: float
    deviation: Annotated[float, Field(ge=0)]
    episodes: Count
    seed: int


class AgentCard(Card):
    """What agent.yaml says about the model beside it."""

    name: Text
    description: Text
    library: Text
    algorithm: Text
    environment: EnvironmentChoice
    model: ModelFile
    training: Training
    returns: Returns


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


class ActionEntry(Card):
    """One discrete action, or one dimension of a continuous one."""

    name: Text
    unit: str = ""
    meaning: Text


class ImageObservation(Card):
    """An observation that is a picture.

    Attributes:
        layout: what its axes are, for instance "y,x,channel".
        channels: what each channel holds.
        meaning: what the picture shows.
        range: of one pixel.
    """

    layout: Annotated[str, Field(pattern=r"^(y,x|y,x,channel|channel,y,x)$")]
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
        return _different(entries)


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
            of a MultiDiscrete or MultiBinary one.
    """

    environments: Annotated[tuple[EnvironmentChoice, ...], Field(strict=False, min_length=1)]
    description: Text
    source: Annotated[str, Field(pattern=r"^https?://")]
    observation: Annotated[tuple[Entry, ...], Field(strict=False)] = ()
    image: ImageObservation | None = None
    choices: Annotated[tuple[Choice, ...], Field(strict=False)] = ()
    parts: dict[str, ObservationCard] = {}
    actions: Annotated[tuple[ActionEntry, ...], Field(strict=False, min_length=1)]

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of the actions, in order."""
        return tuple(action.name for action in self.actions)

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
        return _different(entries)


def _different(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names must differ; given more than once: {', '.join(map(repr, twice))}")
    return entries


def read_agent_card(folder: Path) -> AgentCard:
    """The card in an agent's folder.

    Raises:
        ConfigError: no agent.yaml, or one with faults; all of them are listed.
    """
    path = folder / "agent.yaml"
    return validate(AgentCard, read_yaml(path), path)


def read_environment_card(path: Path) -> EnvironmentCard:
    """The card in a file.

    Raises:
        ConfigError: a card that cannot be read, or with faults; all of them are listed.
    """
    return validate(EnvironmentCard, read_yaml(path), path)


def environment_card(spec: EnvSpec) -> EnvironmentCard | None:
    """The card that fits an environment best; None where there is none.

    A card fits when it lists the environment's id with arguments the environment has; other arguments of the
    environment do not matter. The card that lists most arguments wins, and of equals the one of the working directory.
    It speaks of the environment inside all wrappers.

    Raises:
        ConfigError: a card that mentions the id has faults, or two cards of one folder fit equally well.
    """
    candidates = [
        (len(choice.kwargs), path, card)
        for path in list_content("envs").values()
        if _mentions(path, spec.id)
        for card in [read_environment_card(path)]
        for choice in card.environments
        if _fits(choice, spec)
    ]
    most = max((arguments for arguments, _, _ in candidates), default=0)
    best = [(path, card) for arguments, path, card in candidates if arguments == most]
    rivals = sorted({path.name for path, _ in best if path.parent == best[0][0].parent})
    if len(rivals) > 1:
        raise ConfigError(f"{best[0][0].parent}: {' and '.join(rivals)} both describe {spec.id}; keep one of them")
    if not best:
        return None
    return best[0][1]


def _mentions(path: Path, env_id: str) -> bool:
    # Only what speaks of this environment is read: it is quicker, and one broken card does not stop all others.
    try:
        return env_id in path.read_text("utf-8", "replace")
    except OSError:
        return True  # reading it as a card says what is wrong


def _fits(choice: EnvironmentChoice, spec: EnvSpec) -> bool:
    return choice.id == spec.id and all(
        name in spec.kwargs and spec.kwargs[name] == value for name, value in choice.kwargs.items()
    )
