"""The cards of agents and environments: YAML files, found by name and checked.

An agent's card says how a model was trained and how well it does; an environment's card names the elements of its
observation and its actions. `content` finds both, the user's own before those of the package. Imports `errors` and
`_util` only. Start with `_agent.py` and `_environment.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.cards._agent import AgentCard, ModelFile, Returns, Training, read_agent_card
    from rltools.cards._card import (
        Arguments,
        Card,
        Count,
        EnvironmentChoice,
        Text,
        WrappedEnvironment,
        WrapperChoice,
        must_match,
        or_text,
    )
    from rltools.cards._environment import (
        Action,
        Choice,
        Element,
        EnvironmentCard,
        Factor,
        ImageObservation,
        ObjectCodes,
        ObservationCard,
        TextObservation,
        read_environment_card,
    )
    from rltools.cards._find import CardWarning, environment_card

__all__ = [
    "Action",
    "AgentCard",
    "Arguments",
    "Card",
    "CardWarning",
    "Choice",
    "Count",
    "Element",
    "EnvironmentCard",
    "EnvironmentChoice",
    "Factor",
    "ImageObservation",
    "ModelFile",
    "ObjectCodes",
    "ObservationCard",
    "Returns",
    "Text",
    "TextObservation",
    "Training",
    "WrappedEnvironment",
    "WrapperChoice",
    "environment_card",
    "must_match",
    "or_text",
    "read_agent_card",
    "read_environment_card",
]

# The module of each name: it is loaded with the first use, so that finding content by its name does not load pydantic.
_MODULES = {
    "AgentCard": "_agent",
    "ModelFile": "_agent",
    "Returns": "_agent",
    "Training": "_agent",
    "read_agent_card": "_agent",
    "Arguments": "_card",
    "Card": "_card",
    "Count": "_card",
    "EnvironmentChoice": "_card",
    "Text": "_card",
    "WrappedEnvironment": "_card",
    "WrapperChoice": "_card",
    "must_match": "_card",
    "or_text": "_card",
    "Action": "_environment",
    "Choice": "_environment",
    "Element": "_environment",
    "EnvironmentCard": "_environment",
    "Factor": "_environment",
    "ImageObservation": "_environment",
    "ObjectCodes": "_environment",
    "ObservationCard": "_environment",
    "TextObservation": "_environment",
    "read_environment_card": "_environment",
    "CardWarning": "_find",
    "environment_card": "_find",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
