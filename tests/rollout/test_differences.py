"""What the refusal of other settings says: each in words, with both values."""

import dataclasses

import pytest

import rltools
from rltools.errors import message_of
from rltools.rollout._differences import differences
from rltools.spaces import Features

WIND = '{"id": "CartPole-v1", "kwargs": {"wind": 15}, "max_episode_steps": 500, "additional_wrappers": []}'


@pytest.fixture(scope="module")
def recording(cartpole):
    return rltools.record(cartpole, episodes=1, max_steps=2)


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"policy": "other"}, "the agent is called tiny there and other now (name=)"),
        ({"policy_sha256": "f" * 64}, "there and ffffffff... now"),
        ({"environment": WIND, "layers": ()}, "there and CartPole-v1 (wind=15) now"),
        ({"features": ("a", "b", "c", "d")}, "the feature at position 0 (names=) is called 'cart position' there and "),
        ({"features": ("a", "b")}, "the policy sees 4 features there and 2 now"),
        ({"action_names": ("l", "r")}, "are 'push left', 'push right' there and 'l', 'r' now"),
        ({"action_start": 1}, "the first action is 0 there and 1 now"),
        ({"score": "q_value"}, "actions are scored by the head logit there and by q_value now"),
        ({"data": "minari:x"}, "the episodes are the agent's own there and those of minari:x now"),
    ],
)
def test_settings_that_differ_are_told_in_words(changes, clause, recording):
    header = recording.header
    if names := changes.get("features"):
        changes = {"features": Features((len(names),), given_names=names)}
    clauses = differences(header, dataclasses.replace(header, **changes))
    assert len(clauses) == 1
    text = message_of(Exception(clauses[0]))
    assert clause in text
    assert "Features(" not in text


def test_a_unit_that_differs_is_told(recording):
    header = recording.header
    units = ("km", *header.features.units[1:])
    [clause] = differences(
        header, dataclasses.replace(header, features=dataclasses.replace(header.features, units=units))
    )
    assert clause == "the unit of cart position is m there and km now"


def test_nothing_is_told_of_the_same(recording):
    assert not differences(recording.header, dataclasses.replace(recording.header, notes=("new",), versions={}))
