"""The wrappers of Stable-Baselines3 and sb3-contrib."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict
from gymnasium.wrappers import FrameStackObservation, TimeLimit
from sb3_contrib.common.wrappers import ActionMasker, TimeFeatureWrapper
from stable_baselines3.common.monitor import Monitor

from rltools.cards import environment_card
from rltools.envs import environment_spec, make_environment
from rltools.envs.names import action_names, observed_features


def test_time_left_is_one_more_entry(scripted, moved):
    env, card = scripted("vector")
    # With layers between them, and directly around the environment, whose own space is then replaced.
    for inner in (TimeLimit(env, 8), scripted("vector")[0]):
        timed = TimeFeatureWrapper(inner, max_steps=8)
        features = observed_features(timed, card)
        assert features.names == ("height", "lean", "load", "time left")
        assert features.units == ("m", "rad", "", "8 steps")
        timed.reset(seed=0)
        assert timed.step(0)[0][3] == pytest.approx(7 / 8)


def test_each_entry_beside_the_time_keeps_its_name(scripted, moved):
    env, card = scripted("vector")
    timed = TimeFeatureWrapper(env, max_steps=8)
    for position, name in enumerate(("height", "lean", "load")):
        changed = moved_by(timed, card, position)
        assert changed == {name}


def moved_by(env, card, position):
    features = observed_features(env, card)
    inner = env.unwrapped
    inner.state = np.zeros(3, np.float32)
    before = env.reset(seed=0)[0]
    inner.state[position] = 2.0
    return {features.names[entry] for entry in np.flatnonzero(env.reset(seed=0)[0] != before)}


def test_the_time_of_a_test_mode_is_no_time(scripted):
    env, card = scripted("vector")
    assert observed_features(TimeFeatureWrapper(env, test_mode=True), card).label(3) == "time left"


def test_time_in_a_dict_and_under_other_wrappers(scripted):
    inner, _ = scripted("nested")
    inner.observation_space = Dict(observation=Box(-1, 1, (2,), np.float32), goal=Box(-1, 1, (2,), np.float32))
    timed = TimeFeatureWrapper(TimeLimit(inner, 5))
    assert observed_features(timed, None).names == (
        "observation/0",
        "observation/1",
        "time left",
        "goal/0",
        "goal/1",
    )
    env, card = scripted("vector")
    stacked = FrameStackObservation(TimeFeatureWrapper(TimeLimit(env, 5)), 2)
    assert observed_features(stacked, card).names[3] == "time left, 1 step ago"


def test_wrappers_that_change_nothing_keep_names_and_units(scripted):
    env, card = scripted("vector")
    watched = ActionMasker(Monitor(TimeFeatureWrapper(TimeLimit(env, 5))), lambda inner: np.ones(2, bool))
    assert observed_features(watched, card).units == ("m", "rad", "", "1000 steps")


def test_a_real_agents_environment():
    env = TimeFeatureWrapper(gymnasium.make("CartPole-v1"))
    card = environment_card(environment_spec("CartPole-v1"))
    assert observed_features(env, card).names[3:] == ("pole angular velocity", "time left")


def atari(**kwargs):
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")
    spec = environment_spec("ALE/Pong-v5")
    spec.kwargs.update(kwargs)
    return make_environment(spec), environment_card(spec)


def test_a_warped_frame_is_gray():
    from stable_baselines3.common.atari_wrappers import AtariWrapper

    env, card = atari(frameskip=1)
    features = observed_features(AtariWrapper(env), card)
    assert (features.shape, features.dims, features.channels) == ((84, 84, 1), ("y", "x", "channel"), (("gray",),))
    stacked = observed_features(FrameStackObservation(AtariWrapper(env), 4), card)
    assert stacked.dims == ("lag", "y", "x", "channel")
    assert stacked.groups()[3][0] == "y0-20 x0-20 gray, now"


def test_an_atari_game_names_its_buttons_and_its_bytes():
    env, card = atari()
    assert observed_features(env, card).channels == (("red", "green", "blue"),)
    assert action_names(env, card).names == ("noop", "fire", "right", "left", "right fire", "left fire")
    assert len(action_names(atari(full_action_space=True)[0], card).names) == 18
    env, card = atari(obs_type="ram")
    names = observed_features(env, card).names
    assert (names[17], names[49], names[51]) == ("ram[17]", "ball x", "player y")
    tennis = make_environment(environment_spec("ALE/Tennis-v5"))
    assert observed_features(tennis, None).channels == ()


@pytest.mark.parametrize(
    ("game", "action", "name", "sign"), [("Pong", 2, "player y", -1), ("Breakout", 2, "paddle x", 1)]
)
def test_a_named_byte_moves_as_the_game_does(game, action, name, sign):
    pytest.importorskip("ale_py")
    spec = environment_spec(f"ALE/{game}-v5")
    spec.kwargs.update(obs_type="ram", repeat_action_probability=0.0)
    env = make_environment(spec)
    position = observed_features(env, environment_card(spec)).position(name)
    env.reset(seed=0)
    for _ in range(20):
        before = int(env.step(1)[0][position])
    after = [int(env.step(action)[0][position]) for _ in range(3)][-1]
    assert sign * (after - before) > 0


def test_the_lives_are_the_games_lives():
    pytest.importorskip("ale_py")
    spec = environment_spec("ALE/SpaceInvaders-v5")
    spec.kwargs.update(obs_type="ram")
    env = make_environment(spec)
    position = observed_features(env, environment_card(spec)).position("lives")
    env.action_space.seed(0)
    env.reset(seed=0)
    counts = []
    for _ in range(400):
        observation, _, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
        counts.append((int(observation[position]), int(info["lives"])))
    assert len({lives for _, lives in counts}) > 1
    assert np.mean([byte == lives for byte, lives in counts]) > 0.9  # one runs ahead of the other while one is lost
