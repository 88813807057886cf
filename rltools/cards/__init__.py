"""The cards of agents and environments: YAML files, found by name and checked.

An agent's card says how a model was trained and how well it does; an environment's card names the elements of its
observation and its actions. `content` finds both, the user's own before those of the package. Imports `errors` and
`_util` only. Start with `_agent.py` and `_environment.py`.
"""

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
    "read_agent_card",
    "read_environment_card",
]
