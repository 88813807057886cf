"""Environments that say themselves what they observe, each in its manner, and where a name is from."""

from __future__ import annotations

import sys
import types

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple
from gymnasium.wrappers import FlattenObservation, FrameStackObservation

from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import NamesWarning, action_names, observed_features, origin_lines
from rltools.envs.names._origins import NUMBERED
from rltools.policies.env_info import inspect_env

POSE = ("x", "y", "angle")


class Env(gymnasium.Env):
    """Observes zeros."""

    action_space = Discrete(2)

    def __init__(self, space=None, **attributes):
        self.observation_space = Box(-1, 1, (3,), np.float32) if space is None else space
        vars(self).update(attributes)

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}


class NamedBox(Box):
    """A space that names its elements."""

    def __init__(self, names, units=()):
        super().__init__(-1, 1, (len(names),), np.float32)
        self.names, self.units = names, units


class NamedDiscrete(Discrete):
    """A space that names its values."""

    def __init__(self, *names):
        super().__init__(len(names))
        self.names = names


def test_attributes_name_features_and_actions():
    env = Env(feature_names=list(POSE), feature_units=np.array(["m", "m", "rad"]), action_names=("left", "right"))
    features = observed_features(env, None)
    assert [features.label(place) for place in range(3)] == ["x (m)", "y (m)", "angle (rad)"]
    assert features.origins == ("the environment's feature_names",) * 3
    assert origin_lines(features) == ["3 features named by the environment's feature_names"]
    assert action_names(env, None) == (("left", "right"), "the environment's action_names")


def test_metadata_names_them_too():
    env = Env(metadata={"feature_names": POSE, "action_names": ["left", "right"]})
    info = inspect_env(lambda: env)
    assert info.features.names == POSE
    assert info.action_names == ("left", "right")
    assert info.action_origin == "the environment's metadata['action_names']"


def test_units_alone_are_kept():
    features = observed_features(Env(feature_units=["m", "m", "rad"]), None)
    assert features.label(2) == "obs[2] (rad)"
    assert origin_lines(features) == [f"3 features {NUMBERED}"]


@pytest.mark.parametrize(
    ("space", "listed", "names"),
    [
        (Dict(pose=Box(-1, 1, (2,)), gear=Discrete(2)), {"pose": ["x", "y"]}, ("x", "y", "gear=0", "gear=1")),
        (Dict(pose=Box(-1, 1, (2,)), gear=Discrete(2)), ["x", "y", "low", "high"], ("x", "y", "low", "high")),
        (Dict(speed=Box(-1, 1, (1,))), {"speed": "speed"}, ("speed",)),
        (Tuple([Box(-1, 1, (1,)), Box(-1, 1, (1,))]), {0: ["x"], "1": ["y"]}, ("x", "y")),
        (Box(-1, 1, (2, 2)), [["x", "y"], ["u", "v"]], ("x", "y", "u", "v")),
        (MultiDiscrete([2, 2]), ["gear", "lamp"], ("gear=0", "gear=1", "lamp=0", "lamp=1")),
        (Discrete(2, start=5), ["gear"], ("gear=5", "gear=6")),
    ],
    ids=["by path", "in a row", "a single one", "tuple", "table", "choices", "one choice"],
)
def test_every_space_can_be_named(space, listed, names):
    assert observed_features(Env(space, feature_names=listed), None).names == names


def test_the_channels_of_an_image_can_be_named():
    features = observed_features(Env(Box(0, 255, (4, 4, 2), np.uint8), feature_names=["wall", "goal"]), None)
    assert features.channels == (("wall", "goal"),)


@pytest.mark.parametrize("listed", [["x", "y"], ["x", "x", "y"], {"pose": ["x"]}], ids=["two", "twice", "no such path"])
def test_names_that_do_not_fit_are_told(listed):
    with pytest.warns(NamesWarning, match=r"feature_names has \d names.*observes 3 elements: not used"):
        assert observed_features(Env(feature_names=listed), None).names == ("obs[0]", "obs[1]", "obs[2]")


@pytest.mark.parametrize("listed", [None, "xyz", 3, [1, 2, 3], [["x"], 2], lambda: POSE, {}])
def test_what_are_no_names_is_left_alone(listed):
    env = Env(feature_names=listed, metadata={"feature_names": listed}, observation_names=listed, features=listed)
    assert observed_features(env, None).given_names == ()


def test_a_property_that_fails_names_nothing():
    class Failing(Env):
        @property
        def feature_names(self):
            raise RuntimeError("not now")

    assert observed_features(Failing(), None).given_names == ()


def test_spaces_name_themselves():
    env = Env(Dict(pose=NamedBox(("x", "speed"), ("m", "m/s")), gear=NamedDiscrete("low", "high")))
    env.action_space = NamedDiscrete("brake", "go")
    features = observed_features(env, None)
    assert features.names == ("x", "speed", "gear=low", "gear=high")
    assert features.units == ("m", "m/s", "", "")
    assert set(features.origins) == {"the observation space's names"}
    assert action_names(env, None) == (("brake", "go"), "the action space's names")


JOINTS = ["shoulder.pos", "elbow.pos", "gripper.pos"]
STATE = {"dtype": "float32", "shape": [3], "names": {"motors": JOINTS}}
KEYS = {"observation.state": STATE, "action": {"names": JOINTS}}


def test_lerobot_features_name_the_state_and_the_action():
    env = Env(Dict({"agent_pos": Box(-1, 1, (3,)), "pixels": Box(0, 255, (8, 8, 3), np.uint8)}), features=KEYS)
    features = observed_features(env, None)
    assert features.names[:3] == tuple(JOINTS)
    assert features.origins[0] == "the environment's features, as LeRobot has them"
    assert action_names(env, None).names == tuple(JOINTS)
    assert observed_features(Env(metadata={"features": KEYS}), None).names == tuple(JOINTS)


def test_a_key_of_lerobot_names_the_array_of_its_name():
    keys = {"observation.arm": {"names": ["a", "b"]}, "observation.environment_state": {"names": ["c"]}}
    env = Env(Dict(arm=Box(-1, 1, (2,)), environment_state=Box(-1, 1, (1,))), features=keys)
    assert observed_features(env, None).names == ("a", "b", "c")


def test_a_robot_names_its_motors():
    motors = dict.fromkeys(JOINTS, float)
    env = Env(observation_features=motors | {"wrist": (480, 640, 3)}, action_features=motors)
    assert observed_features(env, None).names == tuple(JOINTS)
    assert action_names(env, None) == (tuple(JOINTS), "the robot's action_features")


def test_citylearn_names_each_building():
    env = Env(observation_names=[["hour", "load"], ["load"]], action_names=[["battery"], ["battery"]])
    assert observed_features(env, None).names == ("hour", "load", "load 2")
    assert action_names(env, None).names == ("battery", "battery 2")


def test_citylearn_names_pass_its_wrapper_that_makes_one_array():
    class Buildings(Env):
        observation_names = (("hour", "load"),)

    class StableBaselines3ObservationWrapper(gymnasium.ObservationWrapper):
        observation_space = Box(-1, 1, (2,))

        def observation(self, observation):
            return observation[0]

    StableBaselines3ObservationWrapper.__module__ = "citylearn.wrappers"
    inner = Buildings()
    inner.observation_space = [Box(-1, 1, (2,))]
    assert observed_features(StableBaselines3ObservationWrapper(inner), None).names == ("hour", "load")


def part_of_highway_env(name, **attributes):
    return type(name, (types.SimpleNamespace,), {"__module__": "highway_env.envs.common"})(**attributes)


def test_highway_env_names_vehicles_and_maneuvers():
    observed = part_of_highway_env("KinematicObservation", features=["x", "vx"], normalize=False)
    acted = part_of_highway_env("DiscreteMetaAction", actions={1: "IDLE", 0: "LANE_LEFT"})
    env = Env(Box(-1, 1, (2, 2)), observation_type=observed, action_type=acted)
    features = observed_features(env, None)
    assert features.names == ("own x", "own vx", "vehicle 1 x", "vehicle 1 vx")
    assert features.units == ("m", "m/s", "m", "m/s")
    assert action_names(env, None).names == ("lane left", "idle")
    env.action_type = part_of_highway_env("ContinuousAction", longitudinal=True, lateral=False)
    assert action_names(env, None).names == ("acceleration",)
    assert observed_features(Env(Box(-1, 1, (2, 2)), observation_type=types.SimpleNamespace(features=["x"])), None)


def test_a_card_comes_before_the_environment_and_the_model_last():
    spec = environment_spec("CartPole-v1")
    env = make_environment(spec)
    env.unwrapped.feature_names = list("abcd")
    features = observed_features(env, environment_card(spec))
    assert features.names[0] == "cart position"
    assert features.origins[0] == "the card cartpole.yaml of rltools"
    assert observed_features(env, None).names == tuple("abcd")


def test_origins_go_through_wrappers():
    env = Env(Dict(pose=NamedBox(POSE), gear=Discrete(2)), feature_names={"gear": ["low", "high"]})
    features = observed_features(FrameStackObservation(FlattenObservation(env), 2), None)
    assert features.names[3] == "low, 1 step ago"
    origins = ["the observation space's names"] * 3 + ["the environment's feature_names"] * 2
    assert list(features.origins) == origins * 2
    flat = observed_features(FlattenObservation(Env(Dict(pose=NamedBox(POSE), gear=Discrete(2)))), None)
    assert flat.origins[2:] == ("the observation space's names", "", "")
    assert origin_lines(flat)[1].startswith("2 features numbered")


def test_nothing_is_imported_for_a_name():
    for package in ("citylearn", "highway_env", "lerobot"):
        assert package not in sys.modules
