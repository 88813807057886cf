"""The card of an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from rltools._util.yaml import read_yaml, validate
from rltools.cards._card import Card, Count, Text, WrappedEnvironment, must_match, or_text

Sha256 = Annotated[str, must_match(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
FileName = Annotated[
    str,
    must_match(
        r"[A-Za-z0-9_-][A-Za-z0-9_.-]*",
        "the name of a file in the card's folder: letters, digits, '_', '-' and '.', not beginning with '.'",
    ),
]


MAX_STRIDES = 100


class ModelFile(Card):
    """The model file beside an agent's card.

    Attributes:
        file: name of the model file in the card's folder.
        sha256: of the model file, which is then compared; None leaves that out.
        normalize: name of the file of VecNormalize statistics in the same folder; None without one.
        normalize_sha256: of that file, which is then compared; None leaves that out.
        layout: of a file of weights; this and the following as of `rltools.load_policy`.
        activation: of a file of weights.
        strides: of a file of weights with convolutions.
        head: of a file of weights or a graph.
    """

    file: FileName
    sha256: Sha256 | None = None
    normalize: FileName | None = None
    normalize_sha256: Sha256 | None = None
    layout: Text | None = None
    activation: Text | None = None
    strides: Annotated[tuple[Count, ...] | None, Field(strict=False, max_length=MAX_STRIDES)] = None
    head: Text | None = None

    @model_validator(mode="after")
    def _of_a_file(self) -> Self:
        if self.normalize is None and self.normalize_sha256 is not None:
            raise ValueError("normalize_sha256 is of a file; give its name as normalize")
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
    """An agent.yaml: the model beside it, the environment it acts in, and what else is known of it.

    Attributes:
        environment: where it was trained; its id alone is enough.
        model: the file; its name alone is enough.
        name: of the agent; by default that of its folder.
        description: a sentence for `rltools list`.
        library: with which it was trained, and its version.
        algorithm: with which it was trained.
        training: how; None if unknown.
        returns: how well it does; None if unknown.
    """

    environment: Annotated[WrappedEnvironment, or_text("id")]
    model: Annotated[ModelFile, or_text("file")]
    name: Text = "agent"
    description: str = ""
    library: str = ""
    algorithm: str = ""
    training: Training | None = None
    returns: Returns | None = None


def read_agent_card(folder: Path) -> AgentCard:
    """Read the card in an agent's folder.

    Raises:
        ConfigError: no agent.yaml, or one with faults; all faults are listed.
    """
    path = folder / "agent.yaml"
    card = validate(AgentCard, read_yaml(path), path)
    return card if "name" in card.model_fields_set else card.model_copy(update={"name": folder.resolve().name})
