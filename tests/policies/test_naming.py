"""Names of one's own reach every policy in the same way, and what is recorded."""

from __future__ import annotations

import pickle
import re

import cloudpickle
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3 import PPO

import rltools
from rltools.errors import ArgumentError
from rltools.policies.load import load_policy
from rltools.policies.torch_policy import TorchPolicy

NAMES = ["place", "pace", "tilt", "spin"]
UNITS = {"place": "m", "spin": "rad/s"}
OWN = {"names": NAMES, "units": UNITS, "action_names": ["west", "east"], "name": "mine"}


def model():
    return PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4]}, device="cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    place = tmp_path_factory.mktemp("named") / "model.zip"
    model().save(place)
    return place


def rule(observations):
    return (observations[:, 2] > 0).astype(int)


POLICIES = {
    "zip": lambda path: load_policy(path, **OWN),
    "zip and environment": lambda path: load_policy(path, "CartPole-v1", **OWN),
    "live": lambda path: load_policy(model(), **OWN),
    "live and environment": lambda path: load_policy(model(), "CartPole-v1", **OWN),
    "card": lambda path: load_policy("cartpole-ppo", **OWN),
    "module": lambda path: load_policy(torch.nn.Linear(4, 2), "CartPole-v1", **OWN),
    "TorchPolicy": lambda path: rltools.TorchPolicy(torch.nn.Linear(4, 2), "CartPole-v1", **OWN),
    "two spaces": lambda path: rltools.TorchPolicy(torch.nn.Linear(4, 2), Box(-9, 9, (4,)), Discrete(2), **OWN),
    "function": lambda path: rltools.FunctionPolicy(rule, "CartPole-v1", **OWN),
}


@pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
def test_every_policy_takes_names(make, path):
    policy = make(path)
    assert policy.features.names == tuple(NAMES)
    assert policy.features.label(0) == "place (m)"
    assert policy.action_names == ("west", "east")
    assert policy.source.name == "mine"
    assert set(policy.features.origins) == {"the argument names"}


def test_units_of_the_card_stay_with_other_names():
    assert load_policy("cartpole-ppo", names=NAMES).features.label(3) == "spin (rad/s)"


@pytest.mark.parametrize("kind", ["zip", "live"])
def test_a_copy_in_another_process_has_the_names(kind, path):
    policy = POLICIES[kind](path)
    again = pickle.loads(cloudpickle.dumps(policy))
    assert again.features.names == tuple(NAMES)
    assert again.action_names == ("west", "east")


def test_recordings_have_the_names(path):
    recording = rltools.record(POLICIES["zip"](path), "CartPole-v1", episodes=1, max_steps=3)
    assert recording.features.names == tuple(NAMES)
    assert recording.header.action_names == ("west", "east")


def test_the_names_of_a_single_frame_are_enough():
    def frames():
        return FrameStackObservation(gymnasium.make("CartPole-v1"), 2)

    policy = rltools.TorchPolicy(lambda x: x[:, 1, :2], frames, names=NAMES)
    assert policy.features.names[3:5] == ("spin, 1 step ago", "place, now")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": ["a"]}, "names= has 1 text, and the observation has 4 elements"),
        ({"units": ["m"] * 5}, "units= has 5 texts, and the observation has 4 elements"),
        ({"action_names": ["a"]}, "1 action names for 2 actions: 'a'"),
        ({"action_names": "ab"}, "action_names is 'ab'; give a list of texts"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["zip", "TorchPolicy"])
def test_another_number_of_names_is_refused(kind, wrong, message, path):
    net = torch.nn.Linear(4, 2)
    make = {"zip": lambda: load_policy(path, **wrong), "TorchPolicy": lambda: TorchPolicy(net, "CartPole-v1", **wrong)}
    with pytest.raises(ArgumentError, match=re.escape(message)):
        make[kind]()


def test_a_policy_keeps_its_names():
    policy = rltools.TorchPolicy(torch.nn.Linear(4, 2), "CartPole-v1")
    with pytest.raises(ArgumentError, match="Linear is a policy already; give names=, units= and action_names= when"):
        load_policy(policy, names=NAMES)


class TestTheEnvironmentOfATorchPolicy:
    """Its second argument is an environment in any form, or two spaces."""

    ENVIRONMENTS = {  # noqa: RUF012
        "id": "CartPole-v1",
        "spec": gymnasium.spec("CartPole-v1"),
        "live": gymnasium.make("CartPole-v1"),
        "function": lambda: gymnasium.make("CartPole-v1"),
    }

    @pytest.mark.parametrize("env", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
    def test_it_names_the_features(self, env):
        policy = rltools.TorchPolicy(torch.nn.Linear(4, 2), env)
        assert policy.features.names[0] == "cart position"
        assert policy.action_names == ("push left", "push right")
        assert "CartPole-v1" in policy.source.environment

    def test_episodes_are_recorded_there(self):
        policy = rltools.TorchPolicy(torch.nn.Linear(4, 2), "CartPole-v1")
        assert len(rltools.record(policy, episodes=1, max_steps=2)) == 1

    def test_heads_can_follow(self):
        net = torch.nn.Linear(4, 2)
        policy = rltools.TorchPolicy(net, "CartPole-v1", heads={"q_value": net})
        assert policy.heads == ("q_value",)

    def test_one_space_is_not_enough(self):
        with pytest.raises(ArgumentError, match="there is no action space after it; give the environment itself"):
            rltools.TorchPolicy(torch.nn.Linear(4, 2), Box(-1, 1, (4,)))

    def test_an_environment_with_a_space_behind_it_is_refused(self):
        with pytest.raises(ArgumentError, match="the observation space is 'CartPole-v1'"):
            rltools.TorchPolicy(torch.nn.Linear(4, 2), "CartPole-v1", Discrete(2))

    def test_numbers_stay_numbers_without_names(self):
        policy = rltools.TorchPolicy(torch.nn.Linear(2, 2), Box(-1, 1, (2,), np.float32), Discrete(2))
        assert policy.features.names == ("obs[0]", "obs[1]")
