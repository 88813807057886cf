"""An agent that sees only some of what there is."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FrameStackObservation, NormalizeObservation, ReshapeObservation

import rltools
from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import observed_features
from rltools.errors import ArgumentError, UnknownNameError

CARD = environment_card(environment_spec("CartPole-v1"))


@pytest.mark.parametrize("keep", [["cart position", "pole angle"], [0, 2], [2, "cart position"]])
def test_the_entries_that_are_kept_are_those_that_were_asked_for(keep):
    full = gymnasium.make("CartPole-v1")
    part = rltools.SelectFeatures(gymnasium.make("CartPole-v1"), keep)
    observation, selected = full.reset(seed=3)[0], part.reset(seed=3)[0]
    names = {"cart position": 0, "pole angle": 2}
    np.testing.assert_array_equal(selected, observation[[names.get(entry, entry) for entry in keep]])
    features = observed_features(part, CARD)
    assert features.names == tuple(CARD.observation[names.get(entry, entry)].name for entry in keep)
    assert set(features.units) == {"m", "rad"}
    assert part.observation_space.contains(selected)


def test_the_names_stay_right_through_other_wrappers():
    env = rltools.SelectFeatures(NormalizeObservation(gymnasium.make("CartPole-v1")), ["pole angle"])
    features = observed_features(FrameStackObservation(env, 2), CARD)
    assert features.label(0) == "pole angle, 1 step ago (deviations)"
    again = rltools.SelectFeatures(rltools.SelectFeatures(gymnasium.make("CartPole-v1"), [3, 2, 1]), ["cart velocity"])
    assert again.positions == (2,)
    assert observed_features(again, CARD).names == ("cart velocity",)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_it_is_an_environment_and_can_be_made_again():
    env = rltools.SelectFeatures(gymnasium.make("CartPole-v1"), [2, 0])
    check_env(env, skip_render_check=True)
    assert make_environment(env).reset(seed=0)[0].shape == (2,)
    assert env.spec.additional_wrappers[-1].kwargs == {"keep": [2, 0]}


@pytest.mark.parametrize(
    ("keep", "error", "message"),
    [
        (["pole angel"], UnknownNameError, "did you mean 'pole angle' or"),
        ([], ArgumentError, "at least one"),
        ([1, "cart velocity"], ArgumentError, "each only once"),
        ([4], ArgumentError, "no feature 4 to keep; positions are 0 to 3"),
        ([-1], ArgumentError, "no feature -1"),
    ],
)
def test_what_cannot_be_kept_is_said(keep, error, message):
    with pytest.raises(error, match=message):
        rltools.SelectFeatures(gymnasium.make("CartPole-v1"), keep)


def test_only_vectors_have_features_to_keep():
    env = ReshapeObservation(gymnasium.make("CartPole-v1"), (2, 2))
    with pytest.raises(ArgumentError, match="keeps features of a vector"):
        rltools.SelectFeatures(env, [0])
