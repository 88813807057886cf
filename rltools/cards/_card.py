"""What all cards have in common, and how they name an environment."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from rltools._util.limits import MAX_WRAPPERS, oversized

MOST = 10**15
Count = Annotated[int, Field(ge=1, le=MOST)]
Text = Annotated[str, Field(min_length=1)]


def matching(pattern: str, what: str) -> AfterValidator:
    """For a text that a regular expression must match as a whole; `what` says in plain words what is expected."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


class Card(BaseModel):
    """What every card has in common: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _moderate(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if excess := oversized(arguments):
        raise ValueError(excess)
    return arguments


Arguments = Annotated[dict[str, JsonValue], AfterValidator(_moderate)]


class EnvironmentChoice(Card):
    """An environment and the arguments it is made with.

    Attributes:
        id: as registered with Gymnasium; in an environment's card, `*` stands for anything: `MiniGrid-*`.
        kwargs: arguments of the environment; in an environment's card, those that decide whether the card fits.
    """

    id: Text
    kwargs: Arguments = Field(default_factory=dict)


class WrapperChoice(Card):
    """A wrapper and the arguments it is made with.

    Attributes:
        name: of its class, one of those that a file may name (`rltools.envs.wrapper_names`).
        kwargs: its arguments.
    """

    name: Text
    kwargs: Arguments = Field(default_factory=dict)


class WrappedEnvironment(EnvironmentChoice):
    """An environment as an agent was trained in it.

    Attributes:
        wrappers: what it was wrapped in, from the inside outwards.
    """

    wrappers: Annotated[tuple[WrapperChoice, ...], Field(strict=False, max_length=MAX_WRAPPERS)] = ()


def different(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same entries.

    Raises:
        ValueError: two of them have one name.
    """
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names must differ; given more than once: {', '.join(map(repr, twice))}")
    return entries
