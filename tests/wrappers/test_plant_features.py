"""An environment with features whose worth is known."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import DtypeObservation, FlattenObservation, FrameStackObservation, ReshapeObservation
from torch import nn

import rltools
from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment, spec_from_json, spec_to_json
from rltools.envs.names import observed_features
from rltools.errors import ArgumentError, UnknownNameError

CARD = environment_card(environment_spec("CartPole-v1"))
EVERYTHING: dict[str, Any] = {
    "inert": 1,
    "noise": 2,
    "copies": ["pole angle"],
    "delayed": [("pole angle", 2), (0, 1)],
    "noisy": [("pole angle", 0.1)],
}


def cartpole(**planted: Any) -> rltools.PlantFeatures:
    return rltools.PlantFeatures(gymnasium.make("CartPole-v1"), **planted)


def episode(env: gymnasium.Env[Any, Any], seed: int | None, steps: int = 8) -> np.ndarray:
    observations = [env.reset(seed=seed)[0]]
    observations += [env.step(action % 2)[0] for action in range(steps)]
    return np.array(observations)


def test_each_planted_feature_is_what_its_name_says() -> None:
    env = cartpole(**EVERYTHING)
    for _ in range(2):  # the second episode knows nothing of the first
        rows = episode(env, 3)
        angle, position = rows[:, 2], rows[:, 0]
        assert not rows[:, 4].any()
        np.testing.assert_array_equal(rows[:, 7], angle)
        np.testing.assert_array_equal(rows[:, 8], np.r_[angle[0], angle[0], angle[:-2]])
        np.testing.assert_array_equal(rows[:, 9], np.r_[position[0], position[:-1]])
        assert 0.01 < (rows[:, 10] - angle).std() < 0.3
    assert all(env.observation_space.contains(row) for row in rows)


def test_noise_is_standard_normal_and_independent() -> None:
    env = cartpole(noise=2)
    rows = np.concatenate([episode(env, seed) for seed in range(300)])
    noise = rows[:, 4:]
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05
    correlations = np.corrcoef(rows.T)
    assert np.abs(correlations[4:, :4]).max() < 0.1
    assert abs(correlations[4, 5]) < 0.1
    assert np.abs(np.corrcoef(noise[:-1].T, noise[1:].T)[:2, 2:]).max() < 0.1


def test_the_environment_and_its_stream_stay_as_they_were() -> None:
    plain, planted = gymnasium.make("CartPole-v1"), cartpole(**EVERYTHING)
    for seed in (5, None, None):  # without a seed the environment goes on in its own stream
        np.testing.assert_array_equal(episode(planted, seed)[:, :4], episode(plain, seed))


def test_the_seed_of_reset_is_that_of_the_noise() -> None:
    env = cartpole(noise=1)
    first, going_on, again, other = episode(env, 7), episode(env, None), episode(env, 7), episode(env, 8)
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first[:, 4], going_on[:, 4]).any()
    assert not np.isin(first[:, 4], other[:, 4]).any()


def test_names_units_and_lags() -> None:
    features = observed_features(cartpole(**EVERYTHING), CARD)
    assert features.names[4:] == (
        *("inert", "noise", "noise 2", "copy of pole angle", "copy of pole angle, 2 steps ago"),
        *("copy of cart position, 1 step ago", "noisy copy of pole angle"),
    )
    assert features.units[4:] == ("", "", "", "rad", "rad", "m", "rad")
    assert features.lags.tolist() == [0] * 8 + [2, 1, 0]


def test_the_names_stay_right_through_other_wrappers() -> None:
    stacked = FrameStackObservation(cartpole(copies=["pole angle"]), 2)
    assert observed_features(stacked, CARD).names[-1] == "copy of pole angle, now"
    selected = rltools.SelectFeatures(cartpole(noise=1), ["pole angle", "noise"])
    twice = rltools.PlantFeatures(rltools.PlantFeatures(selected, noise=1), copies=["noise"])
    assert observed_features(twice, CARD).names == ("pole angle", "noise", "noise 2", "copy of noise")
    taxi = rltools.PlantFeatures(DtypeObservation(FlattenObservation(gymnasium.make("Taxi-v4")), np.float32), noise=1)
    assert observed_features(taxi, None).names[-1] == "noise"


def test_it_is_an_environment_and_is_made_again_from_its_spec() -> None:
    car = rltools.PlantFeatures(
        gymnasium.make("MountainCar-v0"), inert=1, noise=1, copies=[0], delayed=[(0, 2)], noisy=[(1, 0.1)]
    )
    with pytest.warns(UserWarning, match="is different from the unwrapped version"):
        check_env(car, skip_render_check=True)
    env = cartpole(**EVERYTHING)
    again = make_environment(spec_from_json(spec_to_json(env.spec)))
    np.testing.assert_array_equal(episode(again, 4), episode(env, 4))
    assert again.spec.additional_wrappers == env.spec.additional_wrappers
    assert env.spec.additional_wrappers[-1].kwargs["delayed"] == [["pole angle", 2], [0, 1]]


def test_whole_numbers_stay_so_unless_there_is_noise() -> None:
    def whole() -> gymnasium.Env[Any, Any]:
        return FlattenObservation(gymnasium.make("Taxi-v4"))

    space = rltools.PlantFeatures(whole(), inert=1, copies=[0]).observation_space
    assert space.dtype == np.int64
    assert isinstance(space, Box)
    assert space.high[-1] == 1
    env = rltools.PlantFeatures(whole(), noise=1)
    assert env.observation_space.dtype == np.float64
    assert env.reset(seed=0)[0][-1] % 1


def test_a_recording_of_it(tmp_path: Any) -> None:
    env = cartpole(noise=1, delayed=[("pole angle", 3)])
    policy = rltools.load_policy(nn.Linear(6, 2), env=env)
    assert isinstance(policy.action_space, Discrete)
    recording = rltools.record(policy, env, episodes=2, directory=tmp_path / "run")
    assert recording.features.names[4:] == ("noise", "copy of pole angle, 3 steps ago")
    states = recording.episode(1).observations
    np.testing.assert_array_equal(states[3:, 5], states[:-3, 2])
    policy_of_file = rltools.load_policy(policy.module, env=spec_from_json(recording.header.environment))
    assert policy_of_file.features.names == recording.features.names


@pytest.mark.parametrize(
    ("planted", "error", "message"),
    [
        ({}, ArgumentError, "nothing is planted; give inert="),
        ({"noise": -1}, ArgumentError, "noise is -1"),
        ({"inert": 10**9}, ArgumentError, "inert is 1,000,000,000; it must be at most"),
        ({"copies": "pole angle"}, ArgumentError, "copies is 'pole angle'; it must be a list"),
        ({"copies": ["pole angel"]}, UnknownNameError, "did you mean 'pole angle' or"),
        ({"copies": [4]}, ArgumentError, "no feature 4 to copy; positions are 0 to 3"),
        ({"copies": [None]}, ArgumentError, "no feature None to copy"),
        ({"copies": [2, "pole angle"]}, ArgumentError, "the copy of feature 2, 0 steps ago, is planted twice"),
        ({"delayed": ["pole angle"]}, ArgumentError, "must hold pairs of a feature and a number of steps"),
        ({"delayed": [("pole angle", 0)]}, ArgumentError, "the delay is 0; it must be at least 1"),
        ({"noisy": [("pole angle", 0.0)]}, ArgumentError, "the std of the noise of 'pole angle' is 0.0"),
        ({"noisy": [("pole angle", float("nan"))]}, ArgumentError, "is nan; it must be a number above 0"),
    ],
)
def test_what_cannot_be_planted_is_said(planted: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cartpole(**planted)


def test_only_vectors_are_appended_to() -> None:
    for env in (ReshapeObservation(gymnasium.make("CartPole-v1"), (2, 2)), gymnasium.make("Taxi-v4")):
        with pytest.raises(ArgumentError, match=r"(?s)appends to a vector, and .* gives .*; put .*Flatten"):
            rltools.PlantFeatures(env, noise=1)
    with pytest.raises(ArgumentError, match=r"must be a gymnasium\.Env"):
        rltools.PlantFeatures("CartPole-v1", noise=1)  # type: ignore[arg-type]
