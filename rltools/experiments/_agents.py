"""How an experiment file names agents: one model each, or several trainings of one algorithm."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from rltools._util.foreign_files import path_exists
from rltools._util.text import did_you_mean
from rltools.cards import Text, or_text
from rltools.cards.content import content_path, list_content
from rltools.experiments._agent_loading import AgentLoading
from rltools.experiments._elements import MAX_ELEMENTS, NOT_EMPTY, Name, file_safe
from rltools.experiments._environments import EnvironmentVariant
from rltools.policies.hub import is_hub

_WILD = re.compile(r"[*?\[]")
MAX_WILD = 3
"""The most parts of a path that stand for others, so that a file does not make anybody search a whole disk."""


def is_pattern(source: str) -> bool:
    """Whether a source stands for whatever fits it: it has a `*`, `?` or `[`, and nothing has that very name."""
    return bool(_WILD.search(source)) and not path_exists(source)


def models_of(source: str) -> list[str]:
    """The sources that a pattern stands for, in natural order: ppo-2 before ppo-10; any other source is itself."""
    if not is_pattern(source):
        return [source]
    paths = glob.iglob(source)  # noqa: PTH207  # a Path would rewrite it
    return sorted(islice(paths, MAX_ELEMENTS + 1), key=natural_order)


def natural_order(path: str) -> list[tuple[bool, int, str]]:
    """A sort key by which numbers within names are compared as numbers."""
    parts = re.findall(r"\d+|\D+", path)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def existing_agent(agent: str) -> str:
    """The name of an agent, the path of a model or the id of one on a hub, checked.

    Raises:
        ValueError: there is neither.
    """
    if is_hub(agent) or content_path("agents", agent) or path_exists(agent) or path_exists(f"{agent}.zip"):
        return agent
    hint = did_you_mean(agent, list_content("agents"), count=1, cutoff=0.6)
    raise ValueError(f"must be the name of an agent, the path of a model or hf:ORG/NAME ({hint})")


def _existing_models(source: str) -> str:
    if not is_pattern(source):
        return existing_agent(source)
    if sum(bool(_WILD.search(part)) for part in Path(source).parts) > MAX_WILD:
        raise ValueError(f"must have *, ? and [ in at most {MAX_WILD} parts of the path")
    if not 0 < (count := len(models_of(source))) <= MAX_ELEMENTS:
        more = "more than " if count > MAX_ELEMENTS else ""
        raise ValueError(
            f"fits {more}{min(count, MAX_ELEMENTS)} paths in {Path.cwd()}; it must fit 1 to {MAX_ELEMENTS}"
        )
    return source


def _list_of_text(sources: Any) -> Any:
    return [sources] if isinstance(sources, str) else sources


_Models = Annotated[tuple[Annotated[Text, AfterValidator(_existing_models)], ...], Field(strict=False), NOT_EMPTY]


class AgentChoice(AgentLoading):
    """An agent, or a group of agents that are trainings of one algorithm, and how they are loaded.

    Attributes:
        name: what tables and pages call it; None for the name of the agent, or for one made from the path of its model.
        model: the name of an agent, the path of a model or the id of one on a hub; None for a group.
        models: the names or paths of a group, or one, in which `*` stands for anything: `runs/ppo-*/best_model.zip`.
        environment: where it acts, whatever the others do; None is the environments of the experiment.
    """

    name: Name | None = None
    model: Annotated[Text, AfterValidator(existing_agent)] | None = None
    models: Annotated[_Models | None, BeforeValidator(_list_of_text)] = None
    environment: Annotated[EnvironmentVariant | None, or_text("id")] = None

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.model is None) == (self.models is None):
            raise ValueError("must have either a model, or models, which are trainings of one algorithm")
        if self.models is not None and self.name is None:
            raise ValueError("models are a group; give it a name")
        return self

    @property
    def members(self) -> list[tuple[str | None, str]]:
        """The label and the source of each agent; the label is None where the loaded model has it."""
        if self.model is not None:
            return [(self.name, self.model)]
        sources = list(dict.fromkeys(member for source in self.models or () for member in models_of(source)))
        return list(zip(_member_names(str(self.name), sources), sources, strict=True))


def _member_names(group: str, sources: list[str]) -> list[str]:
    """What the members of a group are called: the group, and what their paths differ in."""
    paths = [Path(source.removesuffix(".zip")).parts for source in sources]
    head = _leading(paths)
    tail = _leading([parts[head:][::-1] for parts in paths])
    names = []
    for number, parts in enumerate(paths, 1):
        own = file_safe("-".join(parts[head : len(parts) - tail])) or str(number)
        names.append(own if own.startswith(group) else f"{group}-{own}")
    return names


def _leading(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all paths begin with."""
    return len(list(takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))))
