"""Every element knows how many steps ago it was observed and the leaf it comes from, in files of any age."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.wrappers import DelayObservation, FlattenObservation, FrameStackObservation

from rltools.envs.names import observed_features
from rltools.spaces import Features
from rltools.spaces.parts import with_lag, without_lag

NAMES = ("height", "lean")


def stacked(wrap=lambda env: env, space=None):
    class Env(gymnasium.Env):
        observation_space, action_space = space or Box(-1, 1, (2,), np.float32), Discrete(2)

    return observed_features(wrap(FrameStackObservation(Env(), 3)), None)


def test_an_axis_of_lags_says_when():
    features = Features((3, 2), ("lag", "feature"))
    assert features.lags.tolist() == [2, 2, 1, 1, 0, 0]
    assert Features((2, 2, 1, 3), ("y", "x", "channel", "lag")).lags.tolist() == [2, 1, 0] * 4
    assert Features((2,)).lags.tolist() == [0, 0]
    assert "lags" not in features.to_json()


def test_a_flattened_stack_keeps_its_lags():
    features = stacked(FlattenObservation)
    assert features.dims == ("feature",)
    assert features.lags.tolist() == [2, 2, 1, 1, 0, 0]
    assert features.to_json()["lags"] == [2, 2, 1, 1, 0, 0]
    assert Features.from_json(features.to_json()).lags.tolist() == features.lags.tolist()


def test_delays_and_windows_add_up():
    features = stacked(lambda env: DelayObservation(env, 4))
    assert features.lags.tolist() == [6, 6, 5, 5, 4, 4]
    window = features.windowed(2)
    assert window.lags.tolist() == [7, 7, 6, 6, 5, 5, 6, 6, 5, 5, 4, 4]
    assert Features.from_json(window.to_json()).lags.tolist() == window.lags.tolist()


def test_a_stacked_choice_is_lagged_by_value():
    features = stacked(FlattenObservation, Discrete(2))
    names = [without_lag(name, lag) for name, lag in zip(features.names, features.lags.tolist(), strict=True)]
    assert (names, features.lags.tolist()) == (["obs=0", "obs=1"] * 3, [2, 2, 1, 1, 0, 0])


@pytest.mark.parametrize("flat", [False, True])
def test_elements_know_their_leaf(flat):
    space = Dict(pose=Box(-1, 1, (2,), np.float32), camera=Box(0, 255, (1, 2), np.uint8))
    features = stacked(FlattenObservation if flat else lambda env: env, space)
    assert features.leaf_names == ("camera",) * 6 + ("pose",) * 6
    assert sorted(features.lags.tolist()) == [0] * 4 + [1] * 4 + [2] * 4
    again = Features.from_json(features.to_json())
    assert (again, again.leaf_names, again.lags.tolist()) == (features, features.leaf_names, features.lags.tolist())
    assert features.windowed(2).leaf_names == features.leaf_names * 2


def test_older_files_say_it_in_their_names():
    features = Features((4,), given_names=tuple(with_lag(name, lag) for lag in (12, 0) for name in NAMES))
    entry = features.to_json()
    assert "lags" not in entry
    assert Features.from_json(entry).lags.tolist() == [12, 12, 0, 0]
    plain = Features((2,), given_names=("steps ago", "now"))
    assert Features.from_json(plain.to_json()).lags.tolist() == [0, 0]
    # A part with an axis of lags needs no names, beside one without.
    nested = stacked(space=Dict(camera=Box(0, 255, (1, 2), np.uint8), gear=Discrete(2))).to_json()
    expected = Features.from_json(nested).lags.tolist()
    nested.pop("lags", None)
    assert Features.from_json(nested).lags.tolist() == expected


def test_a_name_without_its_lag():
    for lag in (0, 1, 7):
        assert without_lag(with_lag("a, b", lag), lag) == "a, b"
        assert without_lag("a, 3 steps ago", lag) == "a, 3 steps ago"
