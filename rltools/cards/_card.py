"""The base of all cards, and how they name an environment."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from rltools._util.limits import MAX_WRAPPERS, oversized

MAX_COUNT = 10**15
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
"""A positive integer."""
Text = Annotated[str, Field(min_length=1)]
"""A string that is not empty."""


def must_match(pattern: str, description: str) -> AfterValidator:
    """A validator of strings by a regular expression that must match all of them.

    Args:
        pattern: the regular expression.
        description: what is expected, for the error: "must be {description}".
    """

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"must be {description}")
        return text

    return AfterValidator(check)


def or_text(key: str) -> BeforeValidator:
    """A validator by which a plain text stands for a mapping with this key alone: `CartPole-v1` for its id."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class Card(BaseModel):
    """Base of all cards: unknown keys are refused, values are not converted, instances are immutable."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _check_size(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if excess := oversized(arguments):
        raise ValueError(excess)
    return arguments


Arguments = Annotated[dict[str, JsonValue], AfterValidator(_check_size)]
"""Arguments of an environment or a wrapper, as JSON of a limited size."""


class EnvironmentChoice(Card):
    """An environment and the arguments it is made with.

    Attributes:
        id: as registered with Gymnasium; in an environment's card, `*` matches anything: `MiniGrid-*`.
        kwargs: arguments of the environment; in an environment's card, those it must have for the card to apply.
    """

    id: Text
    kwargs: Arguments = Field(default_factory=dict)


class WrapperChoice(Card):
    """A wrapper and the arguments it is made with.

    Attributes:
        name: the wrapper's class, one of those that a file may name (`rltools.envs.wrapper_names`), or `module:Class`
            of a module that the user imports by name.
        kwargs: its arguments.
    """

    name: Text
    kwargs: Arguments = Field(default_factory=dict)


class WrappedEnvironment(EnvironmentChoice):
    """The environment an agent was trained in.

    Attributes:
        wrappers: its wrappers, from the inside out.
    """

    wrappers: Annotated[
        tuple[Annotated[WrapperChoice, or_text("name")], ...], Field(strict=False, max_length=MAX_WRAPPERS)
    ] = ()


def check_distinct_names(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same items, each with a `name` of its own.

    Raises:
        ValueError: two of them share a name.
    """
    names = [item.name for item in items]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ValueError(f"names must differ; given more than once: {', '.join(map(repr, duplicates))}")
    return items
