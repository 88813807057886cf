"""How an experiment file says what `load_policy` is to know of an agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field

from rltools.cards import Card, Count, Text, must_match
from rltools.experiments._elements import MAX_ELEMENTS
from rltools.policies.load_arguments import LoadArguments

MAX_NAMES = 100_000
"""The most names of an observation's elements."""


def _check_names(names: Any) -> Any:
    """Names of elements: a list of texts, or a mapping from names, or positions, to texts or such a list.

    Raises:
        ValueError: they are anything else.
    """
    texts = isinstance(names, list) and all(isinstance(each, str) for each in names)
    pairs = isinstance(names, dict) and all(isinstance(each, str | list | dict) for each in names.values())
    if not texts and not pairs:
        raise ValueError("must be a list of names, or a mapping of names or positions to names")
    if len(json.dumps(names, default=str)) > MAX_NAMES:
        raise ValueError(f"must have at most {MAX_NAMES:,} characters in all")
    return names


_Names = Annotated[Any, AfterValidator(_check_names)]
_Texts = Annotated[tuple[Text, ...], Field(strict=False, max_length=MAX_ELEMENTS)]
_Sha256 = Annotated[str, must_match("[0-9a-f]{64}", "64 hexadecimal digits in lower case")]


class AgentLoading(Card):
    """What `load_policy` takes beside the model and the environment; see there.

    Attributes:
        normalize: the path of statistics of observations; False for none on purpose.
        trust: the sha256 of each file that may run code; it stands in your own file, which is your word for it.
        names: of the elements of the observation.
        units: of the elements of the observation.
        action_names: of the actions.
        layout: of a file of weights.
        activation: of a file of weights.
        strides: of a file of weights.
        head: of a file of weights or a graph.
        check: the path of observations and what the network makes of them.
    """

    normalize: Text | Literal[False] | None = None
    trust: Annotated[tuple[_Sha256, ...] | None, Field(strict=False, max_length=MAX_ELEMENTS)] = None
    names: _Names | None = None
    units: _Names | None = None
    action_names: _Texts | None = None
    layout: Text | None = None
    activation: Text | None = None
    strides: Annotated[tuple[Count, ...] | None, Field(strict=False, max_length=MAX_ELEMENTS)] = None
    head: Literal["logit", "q_value", "mean", "action"] | None = None
    check: Text | None = None

    @property
    def loading(self) -> dict[str, Any]:
        """What is given, as JSON."""
        values = self.model_dump(mode="json", include=set(AgentLoading.model_fields))
        return {name: value for name, value in values.items() if value is not None}


def with_absolute_paths(loading: dict[str, Any]) -> dict[str, Any]:
    """The same, for processes that work in other folders."""
    paths = {name: loading[name] for name in ("normalize", "check") if isinstance(loading.get(name), str)}
    return loading | {name: str(Path(path).absolute()) for name, path in paths.items()}


def loading_from_json(text: str) -> LoadArguments:
    """The arguments of `load_policy`, from the JSON of `AgentLoading.loading`."""
    return cast("LoadArguments", json.loads(text))
