"""Variables, what is inside them, and elements: at each level every element is in one row."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.wrappers import FrameStackObservation

from rltools.envs.names import observed_features
from rltools.errors import ArgumentError
from rltools.spaces import Features, space_features
from rltools.spaces.variables import DETAILS

EVERYTHING = Dict(
    arms=MultiDiscrete([2, 3]), camera=Box(0, 255, (8, 8, 3), np.uint8), gear=Discrete(4), pose=Box(-1, 1, (2,))
)


def names(features, detail):
    return [name for name, _ in features.variables(detail)]


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize(
    "space", [EVERYTHING, Box(-1, 1, (3,)), Box(0, 255, (9, 5), np.uint8), Discrete(3), MultiDiscrete([2, 2])], ids=str
)
def test_every_element_is_in_one_row(space, detail):
    features = space_features(space)
    for each in (features, features.windowed(3)):
        elements = np.concatenate([elements for _, elements in each.variables(detail)])
        assert sorted(elements.tolist()) == list(range(each.size))
        assert len(set(names(each, detail))) == len(names(each, detail))


def test_entries_then_what_is_inside_them():
    features = space_features(EVERYTHING)
    assert names(features, "variables") == ["arms/0", "arms/1", "camera", "gear", "pose"]
    regions = names(features, "regions")
    others = [name for name in regions if not name.startswith("camera")]
    assert others == ["arms/0", "arms/1", "gear", "pose/0", "pose/1"]
    assert len([name for name in regions if name.startswith("camera: ")]) == 16
    elements = names(features, "elements")
    assert len([name for name in elements if name.startswith("camera: ")]) == 48
    assert {"gear=0", "arms/1=2", "pose/1"} <= set(elements)


def test_where_there_is_one_thing_alone_its_inside_is_what_is_ranked():
    image = Features((8, 8, 3), ("y", "x", "channel"))
    assert names(image, "variables") == names(image, "regions")
    assert len(names(image, "variables")) == 16
    pose = space_features(Dict(pose=Box(-1, 1, (2,))))
    assert names(pose, "variables") == ["pose/0", "pose/1"]
    assert names(space_features(Discrete(5)), "variables") == ["obs"]


@pytest.mark.parametrize("space", [Box(-1, 1, (2,), np.float32), Discrete(2)], ids=str)
def test_all_lags_of_a_feature_are_one_variable(space):
    class Env(gymnasium.Env):
        observation_space, action_space = space, Discrete(2)

    single = space_features(space)
    stack = observed_features(FrameStackObservation(Env(), 3), None)
    assert names(stack, "variables") == names(single, "variables")
    assert [len(elements) for _, elements in stack.variables()] == [
        3 * len(elements) for _, elements in single.variables()
    ]
    assert len(stack.variables("elements")) == 3 * single.size


def test_a_window_has_the_variables_of_an_observation_at_every_lag():
    features = space_features(Dict(gear=Discrete(2), pose=Box(-1, 1, (2,))))
    window = {name: elements.tolist() for name, elements in features.windowed(2).variables()}
    assert window == {"gear": [0, 1, 4, 5], "pose": [2, 3, 6, 7]}


def test_no_such_detail():
    with pytest.raises(ArgumentError, match="detail is 'all'; it must be 'variables', 'regions' or 'elements'"):
        Features((2,)).variables("all")
