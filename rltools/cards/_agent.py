"""The card of an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from rltools._util.yaml import read_yaml, validate
from rltools.cards._card import Card, Count, Text, WrappedEnvironment, must_match

Sha256 = Annotated[str, must_match(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
FileName = Annotated[
    str,
    must_match(
        r"[A-Za-z0-9_-][A-Za-z0-9_.-]*",
        "the name of a file in the card's folder: letters, digits, '_', '-' and '.', not beginning with '.'",
    ),
]


class ModelFile(Card):
    """The model file beside an agent's card.

    Attributes:
        file: name of the model file in the card's folder.
        sha256: of the model file.
        normalize: name of the file of VecNormalize statistics in the same folder; None without one.
        normalize_sha256: of that file; given exactly when `normalize` is.
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
        steps: environment steps.
        seed: of the training.
        hyperparameters: arguments of the algorithm that differ from its defaults.
        versions: versions of the libraries, by name.
    """

    steps: Count
    seed: int
    hyperparameters: dict[str, JsonValue] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)


class Returns(Card):
    """Undiscounted returns of a trained agent over whole episodes.

    Attributes:
        mean: over the episodes.
        std: standard deviation over the episodes.
        episodes: how many.
        seed: given to `record`.
    """

    mean: float
    std: Annotated[float, Field(ge=0)]
    episodes: Count
    seed: int


class AgentCard(Card):
    """An agent.yaml: the model beside it, its training and its returns."""

    name: Text
    description: Text
    library: Text
    algorithm: Text
    environment: WrappedEnvironment
    model: ModelFile
    training: Training
    returns: Returns


def read_agent_card(folder: Path) -> AgentCard:
    """Read the card in an agent's folder.

    Raises:
        ConfigError: no agent.yaml, or one with faults; all faults are listed.
    """
    path = folder / "agent.yaml"
    return validate(AgentCard, read_yaml(path), path)
