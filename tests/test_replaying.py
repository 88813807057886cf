"""Replays of environments that can be drawn, and of those that cannot."""

import re

import pytest

from rltools import explain, record
from rltools.replaying import NoPicturesWarning, replay_episodes


def recorded(policy, env, folder):
    recording = record(policy, env, episodes=2, directory=folder)
    return explain(recording, policy)


def test_an_episode_is_replayed_with_the_pictures_of_its_steps(make_env, make_policy, tmp_path):
    env = make_env(length=4)
    policy = make_policy(env)
    recording = recorded(policy, env, tmp_path)
    replay_episodes(recording, policy, env, recording.outcomes()[1:], episodes=2, directory=tmp_path)
    assert recording.frames(0) is None
    assert len(recording.frames(1)) == 4
    assert [path.name for path in (tmp_path / "replays").iterdir()] == ["episode-000001.html"]


def unrepeatable():
    calls = []

    def step(env, action):
        calls.append(env.t)
        return env.observation() + len(calls), 1.0, env.t >= 3, False, {}

    return {"step": step}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"render_mode": None}, "render_mode=None"),
        ({"render": lambda env: "a picture"}, ""),
        ({"render": lambda env: 1 / 0}, ""),
        (unrepeatable(), "not reproducible from its seed"),
    ],
    ids=["no mode", "no array", "raises", "another way"],
)
def test_without_pictures_everything_else_is_shown(make_env, make_policy, tmp_path, choices, said):
    env = make_env(length=3, **choices)
    policy = make_policy(env)
    recording = recorded(policy, env, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.warns(NoPicturesWarning, match=re.escape(said)):
        replay_episodes(recording, policy, env, recording.outcomes(), episodes=2, directory=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    assert len(list((tmp_path / "replays").glob("*.html"))) == 2
