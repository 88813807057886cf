"""Replays of chosen episodes, of what was seen live; no step is lost for one."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import rltools
from rltools import AttributionWrapper, ReplayWrapper
from rltools.errors import ArgumentError, ConflictError
from rltools.wrappers import ReplaySkippedWarning
from rltools.wrappers._replay import capped_cubic_schedule


def always(number):
    return True


def play(env, episodes=1, seed=0):
    """Every step's five values."""
    steps_taken = []
    for number in range(episodes):
        env.reset(seed=seed + number)
        ended = False
        while not ended:
            steps_taken.append(env.step_policy())
            ended = steps_taken[-1][2] or steps_taken[-1][3]
    return steps_taken


@pytest.fixture
def make(policy, tmp_path):
    def make_env(render_mode="rgb_array", steps=12, method="gradient", target=None, folder=tmp_path / "live", **kwargs):
        env = gymnasium.make("CartPole-v1", render_mode=render_mode, max_episode_steps=steps)
        return ReplayWrapper(AttributionWrapper(env, policy, method, target), folder, **kwargs)

    return make_env


@pytest.mark.parametrize("target", [None, "centered:all"])
def test_what_was_seen_is_what_is_kept(make, tmp_path, policy, target):
    env = make(episode_trigger=always, target=target)
    steps_taken = play(env, episodes=2, seed=5)
    env.close()
    recording = rltools.open_recording(tmp_path / "live")
    assert recording.numbers == (0, 1)
    assert not recording.damaged()
    attribution = recording.attribution("gradient")
    values = np.stack([info["attribution"] for *_, info in steps_taken])
    np.testing.assert_array_equal(attribution.values, values if target else values[:, None])
    episodes = [recording.episode(0), recording.episode(1)]
    actions = [info["action"] for *_, info in steps_taken]
    np.testing.assert_array_equal(np.concatenate([episode.actions for episode in episodes]), actions)
    for episode, frames in zip(episodes, map(recording.frames, recording.numbers), strict=True):
        assert len(frames) == len(episode)
        assert frames[0].startswith(b"RIFF")
        assert episode.outcome.seed == 5 + episode.outcome.number
        last = len(episode) - 1 if episode is episodes[0] else -1
        np.testing.assert_array_equal(episode.final_observation, steps_taken[last][0])
        logits = policy.head("logit", torch.tensor(episode.states), rltools.policies.base.Context())
        np.testing.assert_allclose(episode.scores, logits.detach(), atol=1e-6)
    # Explained again from what was kept, it is the same.
    rltools.explain(recording, policy, method="integrated_gradients", target="centered:chosen", references=2)
    again = rltools.attribute(policy, episodes[0].states[:1], target=target).values
    np.testing.assert_allclose(again[0, 0], attribution.values[0, 0], rtol=1e-5, atol=1e-7)
    page = (tmp_path / "live" / "replays" / "episode-000001.html").read_text()
    assert env.pages == tuple(tmp_path / "live" / "replays" / f"episode-00000{n}.html" for n in range(2))
    assert "data:image/webp" in page or "webp" in page


def test_the_steps_of_the_caller(make, tmp_path):
    env = make(episode_trigger=always)
    env.reset(seed=1)
    ended, actions = False, []
    while not ended:
        actions.append(len(actions) % 2)
        *_, terminated, truncated, _ = env.step(actions[-1])
        ended = terminated or truncated
    assert rltools.open_recording(tmp_path / "live").episode(0).actions.tolist() == actions


def test_nothing_is_changed(make, tmp_path):
    watched = make(episode_trigger=always)
    alone = make(episode_trigger=lambda number: False, folder=tmp_path / "other")
    for episode, other in zip(play(watched, 2), play(alone, 2), strict=True):
        np.testing.assert_array_equal(episode[0], other[0])
        assert episode[1:4] == other[1:4]
        np.testing.assert_array_equal(episode[4]["attribution"], other[4]["attribution"])
    assert not alone.pages
    assert watched.spec == alone.spec


def test_only_chosen_episodes(make, tmp_path):
    env = make(episode_trigger=lambda number: number == 2, steps=5)
    play(env, 4)
    assert rltools.open_recording(tmp_path / "live").numbers == (2,)
    assert [page.name for page in env.pages] == ["episode-000002.html"]


def test_the_default_schedule():
    assert [number for number in range(2500) if capped_cubic_schedule(number)] == [
        *(root**3 for root in range(10)),
        1000,
        2000,
    ]


def test_without_pictures(make, tmp_path):
    play(make(episode_trigger=always, render_mode=None))
    recording = rltools.open_recording(tmp_path / "live")
    assert recording.frames(0) is None
    assert (tmp_path / "live" / "replays" / "episode-000000.html").is_file()


def test_episodes_that_are_left(make, tmp_path):
    env = make(episode_trigger=always)
    env.reset()
    env.step(0)
    env.reset(seed=3)
    env.step(1)
    env.close()
    env.close()
    first, second = rltools.open_recording(tmp_path / "live").outcomes()
    assert (first.ended, first.fault, first.seed) == ("fault", "reset before its end", -1)
    assert (second.ended, second.fault, second.steps) == ("fault", "closed before its end", 1)
    env = make(episode_trigger=always, overwrite=True)
    env.reset()
    env.close()
    assert not env.pages


def test_an_environment_that_fails(counting, squares, tmp_path):
    env = ReplayWrapper(AttributionWrapper(counting(), squares), tmp_path, episode_trigger=always)
    env.reset(seed=0)
    env.step(1)
    with pytest.raises(RuntimeError, match="a motor is stuck"):
        env.step("now")
    outcome = rltools.open_recording(tmp_path).outcome(0)
    assert outcome.steps == 1
    assert outcome.fault == "a step failed: RuntimeError: a motor is stuck"


def test_the_disk_is_full(make, monkeypatch):
    env = make(episode_trigger=always)
    length = len(play(make(episode_trigger=always, folder=env._recording.directory.parent / "whole")))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rltools.wrappers._replay.write_episode", full)
    with pytest.warns(ReplaySkippedWarning, match="no replay of episode 0: .*No space left"):
        steps_taken = play(env)
    assert len(steps_taken) == length
    assert not env.pages


def test_a_picture_that_cannot_be_drawn(counting, squares, tmp_path):
    broken = counting()
    broken.render_mode = "rgb_array"
    broken.render = lambda: 1 / 0
    env = ReplayWrapper(AttributionWrapper(broken, squares), tmp_path, episode_trigger=always)
    env.reset(seed=0)
    with pytest.warns(ReplaySkippedWarning, match="no frames of episode 0: ZeroDivisionError"):
        env.step(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.step(0)
        env.step(0)
    assert rltools.open_recording(tmp_path).outcome(0).steps == 3
    assert len(env.pages) == 1


def test_a_trigger_that_raises(make):
    env = make(episode_trigger=lambda number: [True, False][number], steps=5)
    play(env, 2)
    with pytest.warns(ReplaySkippedWarning, match="no replay of episode 2: IndexError: list index out of range"):
        observation, _ = env.reset(seed=2)
    assert observation.shape == (4,)
    assert env.step_policy()[4]["attribution"].shape == (4,)
    assert len(env.pages) == 1


def test_a_page_that_cannot_be_drawn(make, monkeypatch):
    monkeypatch.setattr("rltools.wrappers._replay.replay", lambda *_, **__: 1 / 0)
    env = make(episode_trigger=always, steps=5)
    with pytest.warns(ReplaySkippedWarning, match="no replay of episode 0: ZeroDivisionError"):
        steps_taken = play(env)
    assert len(steps_taken) == 5
    assert not env.pages


def test_a_folder_that_is_in_use(make):
    play(make(episode_trigger=always))
    with pytest.raises(ConflictError, match="holds 1 episodes already"):
        make()
    assert make(overwrite=True)._recording.numbers == ()


def test_what_explains_nothing():
    with pytest.raises(ArgumentError, match="AttributionWrapper"):
        ReplayWrapper(gymnasium.make("CartPole-v1"), "folder")


def test_methods_that_compare_and_policies_that_remember(tmp_path):
    policy = rltools.load_policy("cartpole-recurrent-ppo")
    env = rltools.envs.make_environment(rltools.envs.spec_from_json(policy.source.environment))
    observed = np.zeros(policy.observation_space.shape, np.float32)
    wrapper = AttributionWrapper(env, policy, "integrated_gradients", references=observed)
    env = ReplayWrapper(wrapper, tmp_path, episode_trigger=always)
    env.reset(seed=0)
    for _ in range(4):
        env.step_policy()
    env.close()
    recording = rltools.open_recording(tmp_path)
    spec = recording.spec(recording.find())
    assert spec.effect == "the current observation, recurrent state fixed"
    assert len(spec.parameters["reference"]) == 64
    assert np.abs(recording.episode(0).recurrent_states[1:]).sum() > 0
    rltools.explain(recording, policy, method="gradient")  # the scores agree, or it would be refused
    assert len(recording.specs) == 2


def test_gymnasium_accepts_it(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(make(episode_trigger=always), skip_render_check=True)


def test_intervals_of_what_was_seen_live_say_what_they_leave_out(policy, tmp_path):
    references = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    env = gymnasium.make("CartPole-v1", max_episode_steps=6)
    env = ReplayWrapper(AttributionWrapper(env, policy, "shapley", references=references), tmp_path / "live", always)
    play(env, episodes=2)
    env.close()
    notes = rltools.summarize(rltools.open_recording(tmp_path / "live")).notes
    assert any(note.startswith("the intervals leave out the draw of the references") for note in notes)
