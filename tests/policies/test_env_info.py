"""What is said of a network that sees several observations in one."""

import re

import gymnasium
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.wrappers import FlattenObservation, FrameStackObservation
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

from rltools.errors import MismatchError
from rltools.policies.env_info import stacking_hint
from rltools.policies.load import load_policy


def numbers(*shape):
    return Box(-1, 1, shape)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("stacked") / "model.zip"
    env = VecFrameStack(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]), 3)
    PPO("MlpPolicy", env, policy_kwargs={"net_arch": [4]}, device="cpu").save(path)
    return path


def test_what_is_advised_fits(model):
    with pytest.raises(MismatchError) as refusal:
        load_policy(model, "CartPole-v1")
    assert str(refusal.value) == (
        f"{model.parent.name}-model observes shape [12] and CartPole-v1 gives shape [4]; if it sees 3 observations in "
        "one, as VecFrameStack stacks them, wrap it in FrameStackObservation(stack_size=3, padding_type='zero') and "
        "FlattenObservation, in a function that is given as env or in the wrappers of an agent's card; else give the "
        "environment it was trained "
        "on as env="
    )

    def wrapped():
        frames = FrameStackObservation(gymnasium.make("CartPole-v1"), stack_size=3, padding_type="zero")
        return FlattenObservation(frames)

    assert load_policy(model, wrapped).features.shape == (12,)


@pytest.mark.parametrize(
    ("observed", "single", "advice"),
    [
        (numbers(8), numbers(4), "it sees 2 .*FlattenObservation"),
        (numbers(4, 84, 84), numbers(84, 84, 1), r"ReshapeObservation\(shape=\[84, 84\]\) and FrameStack.*_size=4,"),
        (numbers(84, 84, 4), numbers(84, 84, 1), r"it sees 4 .*ReshapeObservation\(shape=\[84, 84\]\)"),
        (numbers(12, 96, 96), numbers(96, 96, 3), "a function that makes an environment whose .* last 4 images"),
        (numbers(4, 84, 84), numbers(84, 84), r"wrap it in FrameStackObservation\(stack_size=4\), in"),
        (numbers(5, 3), numbers(3), r"FrameStackObservation\(stack_size=5\)"),
    ],
)
def test_several_observations_in_one(observed, single, advice):
    assert re.search(f"^if .*{advice}.*; else $", stacking_hint(observed, single))


@pytest.mark.parametrize(
    ("observed", "single"),
    [
        (numbers(4), numbers(8)),
        (numbers(9), numbers(4)),
        (numbers(4), numbers(4)),
        (numbers(170), numbers(10)),
        (numbers(3), Box(-1, 1, ())),
        (numbers(84, 80, 4), numbers(84, 84, 1)),
        (numbers(2, 4), numbers(3, 4)),
        (Dict(a=numbers(8)), Dict(a=numbers(4))),
        (numbers(8), Discrete(4)),
    ],
    ids=str,
)
def test_nothing_is_said_of_others(observed, single):
    assert stacking_hint(observed, single) == ""
