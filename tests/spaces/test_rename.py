"""Names and units of one's own for every kind of observation."""

from __future__ import annotations

import re

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple

from rltools.errors import ArgumentError, UnknownNameError
from rltools.spaces import Features, space_features
from rltools.spaces.rename import renamed

NESTED = space_features(Dict(pose=Box(-1, 1, (2,)), gear=Discrete(2), arm=Dict(grip=Box(-1, 1, (1,)))))
VECTOR = Features((3,), given_names=("x", "y", "angle"), units=("m", "m", ""))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c", "d", "e"], ("a", "b", "c", "d", "e")),
        (["a", "b", "shift", "grip"], ("a", "b", "shift=0", "shift=1", "grip")),
        ({"pose": ["a", "b"]}, ("a", "b", "gear=0", "gear=1", "arm/grip/0")),
        ({"pose": {1: "b"}}, ("pose/0", "b", "gear=0", "gear=1", "arm/grip/0")),
        ({"pose/1": "b"}, ("pose/0", "b", "gear=0", "gear=1", "arm/grip/0")),
        ({"gear": "shift"}, ("pose/0", "pose/1", "shift=0", "shift=1", "arm/grip/0")),
        ({"gear": ["low", "high"]}, ("pose/0", "pose/1", "low", "high", "arm/grip/0")),
        ({"arm/grip": "grip", 0: "a"}, ("a", "pose/1", "gear=0", "gear=1", "grip")),
        ({"arm": {"grip": ["grip"]}}, ("pose/0", "pose/1", "gear=0", "gear=1", "grip")),
    ],
    ids=str,
)
def test_names_of_a_dict(names, expected):
    features = renamed(NESTED, names)
    assert features.names == expected
    changed = [now != before for now, before in zip(expected, NESTED.names, strict=True)]
    assert all(bool(origin) for origin, is_new in zip(features.origins, changed, strict=True) if is_new)


def test_a_renamed_choice_is_a_variable_of_that_name():
    assert [name for name, _ in renamed(NESTED, {"gear": "shift"}).variables()] == ["pose", "shift", "arm/grip"]


def test_names_and_units_of_a_vector():
    features = renamed(VECTOR, {"x": "east", "1": "north"}, {"angle": "rad", "north": "km", "x": "km"})
    assert [features.label(place) for place in range(3)] == ["east (km)", "north (km)", "angle (rad)"]
    assert renamed(VECTOR, units=np.array(["a", "b", "c"])).units == ("a", "b", "c")
    assert renamed(VECTOR) == VECTOR


def test_a_table_takes_its_rows():
    features = renamed(space_features(Box(-1, 1, (2, 2))), [["a", "b"], ["c", "d"]])
    assert features.names == ("a", "b", "c", "d")


def test_a_tuple_takes_positions_of_its_arrays():
    features = renamed(space_features(Tuple([Box(-1, 1, (2,)), Discrete(2)])), {0: ["a", "b"], "1": "gear"})
    assert features.names == ("a", "b", "gear=0", "gear=1")


@pytest.mark.parametrize("axes", [("lag", "feature"), ("feature",)], ids=["stacked", "flattened"])
def test_the_names_of_a_single_frame_are_enough(axes):
    lags = () if axes[0] == "lag" else (1, 1, 0, 0)
    features = Features((2, 2) if axes[0] == "lag" else (4,), axes, given_lags=lags)
    both = renamed(features, ["x", "speed"], ["m", "m/s"])
    assert both.names == ("x, 1 step ago", "speed, 1 step ago", "x, now", "speed, now")
    assert both.units == ("m", "m/s", "m", "m/s")
    assert [name for name, _ in both.variables()] == ["x", "speed"]
    assert renamed(both, {"speed": "pace"}).names[1::2] == ("pace, 1 step ago", "pace, now")


def test_choices_of_several_frames():
    features = Features((8,), leaves=space_features(MultiDiscrete([2, 2, 2, 2])).leaves, given_lags=(1,) * 4 + (0,) * 4)
    assert renamed(features, ["gear", "lamp"]).names[:2] == ("gear=0, 1 step ago", "gear=1, 1 step ago")


def test_channels_of_an_image():
    image = space_features(Box(0, 255, (6, 6, 2), np.uint8))
    assert renamed(image, ["wall", "goal"]).channels == (("wall", "goal"),)
    assert "wall" in renamed(image, ["wall", "goal"]).groups()[0][0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "names= has 1 text, and the observation has 5 elements (pose/0, .* or 4, one for each variable, or a"),
        ("abcde", "names= is 'abcde'; give a list of texts"),
        ([1, 2, 3, 4, 5], "names= has 1, a int; give texts"),
        ({"pose": ["a"]}, "names= has 1 texts for 'pose', which has 2 elements"),
        ({"pose": 3}, "names= is 3; give a list"),
        ({7: "a"}, "names= has the key 7; .* from 0 to 4"),
        ({True: "a"}, "names= has the key True"),
        ({"wheel": ["a"]}, "names= has .* for 'wheel', which is no array of the observation"),
        (["a", "a", "b", "c", "d"], "feature names must differ"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(names, message):
    with pytest.raises(ArgumentError, match=re.escape(message).replace(r"\.\*", ".*")):
        renamed(NESTED, names)


def test_an_unknown_name_is_answered_with_similar_ones():
    with pytest.raises(UnknownNameError, match="no feature 'pose/2'; did you mean 'pose/"):
        renamed(NESTED, {"pose/2": "a"})
