"""Groups of features, by the names of whatever is in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from rltools.ablation import find_players
from rltools.errors import ArgumentError, UnknownNameError
from rltools.spaces import Features, space_features
from rltools.spaces.groups import group_rows, resolved_groups
from rltools.spaces.rename import renamed

VECTOR = Features((3,), given_names=("x", "y", "angle"), named_groups=(("pose", ("x", "angle")), ("gone", ("z",))))


def rows(features, groups):
    return {name: positions.tolist() for name, positions in group_rows(features, groups)}


def test_members_are_elements_choices_entries_and_regions():
    space = Dict(pose=Box(-1, 1, (2,)), gear=Discrete(2), eye=Box(0, 255, (4, 4, 1), np.uint8))
    features = space_features(space)
    groups = {"a": ["pose", "gear"], "b": ["pose/1"], "c": ["eye"], "d": ["eye: y0 x0", "gear=1"]}
    assert rows(features, groups)["a"] == [0, 1, 2, 3]
    assert rows(features, groups)["b"] == [1]
    assert rows(features, groups)["c"] == list(range(4, 20))
    assert rows(features, groups)["d"] == [4, 3]
    with pytest.raises(UnknownNameError, match="no feature 'pose/2'"):
        rows(features, {"a": ["pose/2"]})


def test_a_member_of_a_stack_is_it_at_every_lag():
    names = tuple(f"{name}, {when}" for when in ("1 step ago", "now") for name in ("x", "y"))
    stacked = Features((2, 2), ("lag", "feature"), names)
    assert rows(stacked, {"a": ["x"], "b": ["y, now"]}) == {"a": [0, 2], "b": [3]}
    assert rows(VECTOR.windowed(2), {"a": ["x"]}) == {"a": [0, 3]}


def test_the_groups_of_the_card_are_those_that_are_observed():
    assert resolved_groups("card", VECTOR) == {"pose": ["x", "angle"]}
    assert resolved_groups("variables", VECTOR) == "variables"
    assert resolved_groups({"a": ["x"]}, VECTOR) == {"a": ["x"]}
    with pytest.raises(ArgumentError, match="groups is 'card', and neither a card nor the environment groups its"):
        resolved_groups("card", replace(VECTOR, named_groups=()))


def test_groups_follow_new_names():
    features = renamed(VECTOR, {"x": "east"})
    assert resolved_groups("card", features) == {"pose": ["east", "angle"]}


def test_players_are_the_groups_of_the_card_and_the_rest():
    players = find_players(VECTOR, "card")
    assert players.names == ("pose", "y")
    assert [positions.tolist() for positions in players.positions] == [[0, 2], [1]]


def test_origins_and_groups_go_through_a_file():
    features = replace(VECTOR, origins=("the card", "the card", ""))
    again = Features.from_json(features.to_json())
    assert again.origins == features.origins
    assert again.named_groups == VECTOR.named_groups
    assert "origins" not in VECTOR.to_json()
