"""Targets and methods in words: what sentences say in place of identifiers."""

from __future__ import annotations

import pytest

from rltools._util.glossary import method_title
from rltools.attributions import method_names
from rltools.targets.scores import score_names, target_name, target_noun


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("centered:chosen", "the score of the action taken (centered)"),
        ("logit:left engine", "the logit of left engine"),
        ("q_value:2", "the Q-value of action 2"),
        ("logit:chosen - runner_up", "the logit of the action taken less that of the runner-up"),
        ("logit:chosen - value", "the logit of the action taken less the value of the state"),
        ("logit:all & value", "the logit of each action and the value of the state"),
        ("action:all", "the action"),
        ("action:thigh torque", "the action's thigh torque"),
        ("mean:all", "the mean of the action"),
        ("centered:chosen[1]", "the score of the action taken in choice 1 (centered)"),
        ("value", "the value of the state"),
        ("decision", "the decision"),
        ("charm:chosen", "the output charm for the action taken"),
        ("charm", "the output charm"),
    ],
)
def test_a_target_in_words(target: str, name: str) -> None:
    assert target_name(target) == name


def test_every_score_and_every_method_has_a_name_without_code() -> None:
    for score in score_names():
        assert not {"_", ":", "{"} & set(target_name(f"{score}:chosen"))
        assert target_noun(f"{score}:chosen")
    for method in method_names():
        assert "_" not in method_title(method)


def test_a_torque_is_no_score() -> None:
    assert (target_noun("action:all"), target_noun("centered:chosen"), target_noun("value")) == (
        "action",
        "score",
        "value",
    )
