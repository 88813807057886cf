"""Replays of environments that can be drawn, and of those that cannot."""

import re
import subprocess
import sys
import time

import gymnasium
import pytest

from rltools import explain, record
from rltools._util.files import numbered_path
from rltools._util.lock import folder_lock
from rltools.errors import ConflictError
from rltools.pages.replay import NoFramesWarning, replay_episode, replay_episodes
from rltools.recording.parquet import read_metadata
from rltools.rollout.render_process import without_display

FRAGILE = """
import os

import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class Fragile(CartPoleEnv):
    def render(self):
        if os.environ["FRAGILE"] == "abort":
            print("no screen", flush=True)
            os.abort()
        if os.environ["FRAGILE"] == "exit":
            os._exit(7)
        if os.environ["FRAGILE"] == "raise":
            raise LookupError("lost\\nscreen")
        return super().render()


gymnasium.register("FragilePole-v0", "fragile:Fragile", max_episode_steps=4)
"""


def recorded(policy, env, folder, **settings):
    recording = record(policy, env, episodes=2, directory=folder, **settings)
    return explain(recording, policy, method="gradient")


@pytest.fixture
def drawn_here(monkeypatch):
    """The numbers of the episodes that are drawn in this process."""
    from rltools.rollout import render as frames

    numbers = []
    draw = frames.draw_episode

    def count(recording, number, *rest):
        numbers.append(number)
        draw(recording, number, *rest)

    monkeypatch.setattr(frames, "draw_episode", count)
    return numbers


@pytest.fixture
def fragile(tmp_path, monkeypatch, make_policy):
    """A recording of an environment that a module of the user registers, and whose drawing FRAGILE decides."""
    (tmp_path / "fragile.py").write_text(FRAGILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    import fragile  # noqa: F401

    yield recorded(make_policy("FragilePole-v0"), "FragilePole-v0", tmp_path / "run")
    gymnasium.registry.pop("FragilePole-v0")
    del sys.modules["fragile"]


def test_an_episode_is_replayed_with_the_pictures_of_its_steps(make_env, make_policy, tmp_path):
    env = make_env(length=4)
    recording = recorded(make_policy(env), env, tmp_path)
    replay_episodes(recording, [1], env)
    assert recording.frames(0) is None
    assert len(recording.frames(1)) == 4
    assert [path.name for path in (tmp_path / "replays").iterdir()] == ["episode-000001.html"]


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_registered_environment_is_drawn_in_another_process_as_it_was_recorded(
    cartpole, tmp_path, drawn_here, deterministic
):
    settings = {"max_steps": 40, "deterministic": deterministic}
    recording = recorded(cartpole, "CartPole-v1", tmp_path / "later", **settings)
    replay_episodes(recording, [0, 1])
    at_once = record(cartpole, "CartPole-v1", episodes=2, directory=tmp_path / "once", frames=True, **settings)
    assert drawn_here == []
    for number in (0, 1):
        assert recording.frames(number) == at_once.frames(number)
        metadata = [
            read_metadata(numbered_path(created.directory / "frames", number))["frames_per_second"]
            for created in (recording, at_once)
        ]
        assert metadata == ["50.0", "50.0"]


def test_what_was_drawn_is_not_drawn_again(make_env, make_policy, tmp_path, drawn_here):
    env = make_env(length=3)
    recording = recorded(make_policy(env), env, tmp_path)
    for _ in range(2):
        replay_episodes(recording, [0], env)
    assert drawn_here == [0]
    replay_episodes(recording, [1], env, frames=False)
    assert drawn_here == [0]
    assert recording.frames(1) is None
    assert (tmp_path / "replays" / "episode-000001.html").is_file()


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ("abort", "the process that drew them ended with SIGABRT: no screen"),
        ("exit", "the process that drew them ended with exit code 7"),
        ("raise", "LookupError at step 0: lost screen"),
    ],
)
def test_the_end_of_the_drawing_process_is_one_line_and_the_replay_is_written(
    fragile, monkeypatch, drawn_here, ends, text
):
    monkeypatch.setenv("FRAGILE", ends)
    with pytest.warns(NoFramesWarning, match=re.escape(f"frames could not be drawn ({text}")):
        replay_episodes(fragile, [0], modules=["fragile"])
    assert drawn_here == []
    assert fragile.frames(0) is None
    assert [path.name for path in (fragile.directory / "replays").iterdir()] == ["episode-000000.html"]
    monkeypatch.setenv("FRAGILE", "draw")
    replay_episodes(fragile, [0], modules=["fragile"])
    assert len(fragile.frames(0)) == 4
    assert drawn_here == []


def test_what_only_this_process_knows_is_drawn_in_it(fragile, monkeypatch, drawn_here):
    monkeypatch.setenv("FRAGILE", "draw")
    replay_episodes(fragile, [0])
    assert drawn_here == [0]
    assert len(fragile.frames(0)) == 4


def unrepeatable():
    calls = []

    def step(env, action):
        calls.append(env.t)
        return env.observation() + len(calls), 1.0, env.t >= 3, False, {}

    return {"step": step}


def other_rewards():
    calls = []

    def step(env, action):
        calls.append(env.t)
        return env.observation(), float(len(calls)), env.t >= 3, False, {}

    return {"step": step}


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"render_mode": None}, "render_mode=None"),
        ({"render": lambda env: "a picture"}, "drew str instead of an image"),
        ({"render": lambda env: 1 / 0}, "ZeroDivisionError at step 0"),
        (unrepeatable(), "not reproducible from its seed"),
        (other_rewards(), "not reproducible from its seed"),
    ],
    ids=["no mode", "no array", "raises", "another way", "other rewards"],
)
def test_without_pictures_everything_else_is_shown(make_env, make_policy, tmp_path, choices, text):
    env = make_env(length=3, **choices)
    recording = recorded(make_policy(env), env, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.warns(NoFramesWarning, match=re.escape(text)):
        replay_episodes(recording, [0, 1], env)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    assert len(list((tmp_path / "replays").glob("*.html"))) == 2


def test_a_recording_of_a_function_says_that_it_cannot_be_drawn_later(make_env, make_policy, tmp_path):
    env = make_env(length=3)
    recording = recorded(make_policy(env), env, tmp_path / "run")
    with pytest.warns(NoFramesWarning, match="made by a function"):
        path = replay_episode(recording, 1, tmp_path / "mine.html")
    assert path.read_text().startswith("<!doctype html>")


def test_a_screen_that_is_there_is_used_and_what_is_set_stays(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert without_display({})["MUJOCO_GL"] == "egl"
    assert without_display({"MUJOCO_GL": "osmesa", "DISPLAY": ""})["MUJOCO_GL"] == "osmesa"
    assert "MUJOCO_GL" not in without_display({"DISPLAY": ":0"})
    assert without_display({"SDL_VIDEODRIVER": "x11"})["SDL_VIDEODRIVER"] == "x11"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "MUJOCO_GL" not in without_display({})


def test_the_process_that_draws_does_not_outlive_the_one_that_began_it(tmp_path, cartpole):
    """Killed, so that it could do nothing about it; the same command draws on at once."""
    record(cartpole, episodes=1, max_steps=4, directory=tmp_path / "run")
    (tmp_path / "slowly.py").write_text(
        "import pathlib, time\n"
        "from gymnasium.envs.classic_control import cartpole\n"
        "def render(self):\n"
        "    pathlib.Path('drawing').touch()\n"
        "    time.sleep(600)\n"
        "cartpole.CartPoleEnv.render = render\n"
    )
    code = (
        "from pathlib import Path\n"
        "from rltools.rollout.render_process import draw_in_child\n"
        "draw_in_child(Path('run'), [0], ['slowly'], print)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as running:
        until = time.monotonic() + 120
        while not (tmp_path / "drawing").exists():
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        with pytest.raises(ConflictError, match="another process is writing"), folder_lock(tmp_path / "run"):
            pass
        running.kill()
    until = time.monotonic() + 60
    while True:
        try:
            with folder_lock(tmp_path / "run"):
                break
        except ConflictError:
            assert time.monotonic() < until
            time.sleep(0.02)
    assert not list(tmp_path.rglob(".unfinished*"))
