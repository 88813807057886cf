"""The cards of agents and environments: what their .yaml files say, checked."""

from rltools.cards._agent import AgentCard, ModelFile, Returns, Training, read_agent_card
from rltools.cards._card import Card, Count, EnvironmentChoice, Text, WrappedEnvironment, WrapperChoice
from rltools.cards._environment import (
    ActionEntry,
    Choice,
    Entry,
    EnvironmentCard,
    Factor,
    ImageObservation,
    ObservationCard,
    TextObservation,
    read_environment_card,
)
from rltools.cards._find import CardWarning, environment_card

__all__ = [
    "ActionEntry",
    "AgentCard",
    "Card",
    "CardWarning",
    "Choice",
    "Count",
    "Entry",
    "EnvironmentCard",
    "EnvironmentChoice",
    "Factor",
    "ImageObservation",
    "ModelFile",
    "ObservationCard",
    "Returns",
    "Text",
    "TextObservation",
    "Training",
    "WrappedEnvironment",
    "WrapperChoice",
    "environment_card",
    "read_agent_card",
    "read_environment_card",
]
