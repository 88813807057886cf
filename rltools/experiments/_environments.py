"""How an experiment file names the environments that its agents act in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rltools._util.limits import MAX_WRAPPERS
from rltools.cards import Arguments, Card, Text, WrapperChoice
from rltools.experiments._elements import Name, file_safe


class EnvironmentVariant(Card):
    """An environment by its id, or a variant of the one that an agent was trained in.

    Attributes:
        name: what tables and pages call it; None for its id and arguments.
        id: as registered with Gymnasium; None is the agent's own, with other arguments.
        kwargs: arguments of the environment, in addition to those that it has anyway.
        wrappers: from the inside out; None is those of the agent's own environment without an id, and none with one.
    """

    name: Name | None = None
    id: Text | None = None
    kwargs: Arguments = Field(default_factory=dict)
    wrappers: Annotated[tuple[WrapperChoice, ...] | None, Field(strict=False, max_length=MAX_WRAPPERS)] = None

    @property
    def title(self) -> str:
        """Its name, or else its id and its arguments: `LunarLander-v3,gravity=-12`."""
        arguments = (f"{key}={value}" for key, value in self.kwargs.items())
        return self.name or file_safe(",".join([*filter(None, [self.id]), *arguments]) or "own")
