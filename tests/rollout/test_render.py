"""Pictures of chosen episodes, one before each action."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from PIL import Image

import rltools
from rltools.errors import FaultError, SimulationError
from rltools.rollout.render import draw_episodes

Make = Callable[..., Any]


def pixels(frame: bytes) -> np.ndarray:
    picture = Image.open(BytesIO(frame))
    assert picture.format == "WEBP"
    return np.asarray(picture.convert("RGB"))


def shade(env: Any) -> np.ndarray:
    return np.full((20, 30, 3), 40 * env.t, np.uint8)


def test_frame_t_is_drawn_before_action_t(make_policy: Make, make_env: Make) -> None:
    env = make_env(render=shade, length=5)
    recording = rltools.record(make_policy(env), env, episodes=2, frames=[1])
    assert recording.frames(0) is None
    frames = recording.frames(1)
    assert frames is not None
    assert [round(pixels(frame).mean() / 40) for frame in frames] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("size", "expected"), [((600, 900), (267, 400)), ((50, 400), (50, 400)), ((900, 30), (900, 30))]
)
def test_frames_are_at_most_400_pixels_wide(size: Any, expected: Any, make_policy: Make, make_env: Make) -> None:
    env = make_env(render=lambda env: np.zeros((*size, 3), np.uint8), length=1)
    frames = rltools.record(make_policy(env), env, episodes=1, frames=True).frames(0)
    assert frames is not None
    assert pixels(frames[0]).shape == (*expected, 3)


def test_real_frames_of_all_episodes(make_policy: Make) -> None:
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, episodes=2, max_steps=3, frames=True)
    for number in (0, 1):
        frames = recording.frames(number)
        assert frames is not None
        assert len(frames) == 3
        assert pixels(frames[0]).shape == (267, 400, 3)
    assert pixels(frames[0]).std() > 10


def test_frames_added_later_leave_the_episode_alone(make_policy: Make, tmp_path: Path) -> None:
    policy = make_policy("CartPole-v1")
    both = rltools.record(policy, episodes=3, max_steps=20, frames=[2], directory=tmp_path / "at once")
    rltools.record(policy, episodes=3, max_steps=20, directory=tmp_path / "later")
    episodes = {path: path.stat().st_mtime_ns for path in (tmp_path / "later" / "episodes").iterdir()}
    later = rltools.record(policy, episodes=3, max_steps=20, frames=[2], directory=tmp_path / "later")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "later" / "episodes").iterdir()} == episodes
    assert later.frames(2) == both.frames(2)
    assert later.frames(0) is None
    assert later.episode(2).outcome == both.episode(2).outcome


def test_drawing_changes_no_episode(make_policy: Make) -> None:
    policy = make_policy("LunarLander-v3")
    plain = rltools.record(policy, episodes=2, max_steps=30)
    size = rltools.record(policy, episodes=2, max_steps=30, frames=True)
    for number in (0, 1):
        assert plain.episode_path(number).read_bytes() == size.episode_path(number).read_bytes()


@pytest.mark.parametrize("difference", ["states", "shorter", "longer"])
def test_frames_of_another_course_are_refused(
    difference: str, make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    runs: list[int] = []

    def step(env: Any, action: Any) -> Any:
        again = len(runs) > 1
        length = {"shorter": 3, "longer": 7}.get(difference, 5) if again else 5
        observation = np.full(3, env.t + (again and difference == "states"), np.float32)
        return observation, 1.0, env.t >= length, False, {}

    def reset(env: Any) -> Any:
        runs.append(1)
        return np.zeros(3, np.float32), {}

    env = make_env(step=step, reset=reset)
    policy = make_policy(env)
    rltools.record(policy, env, episodes=1, directory=tmp_path)
    before = (tmp_path / "episodes" / "000000.parquet").read_bytes()
    with pytest.raises(FaultError, match="episode 0 diverged") as caught:
        rltools.record(policy, env, episodes=1, directory=tmp_path, frames=True)
    recording = caught.value.recording
    assert recording is not None
    assert recording.frames(0) is None
    assert recording.episode_path(0).read_bytes() == before
    assert not list(tmp_path.rglob(".unfinished*"))


def test_frames_in_several_blocks(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=1100, render=lambda env: np.full((2, 2, 3), env.t % 256, np.uint8))
    frames = rltools.record(make_policy(env), env, episodes=1, frames=True).frames(0)
    assert frames is not None
    assert len(frames) == 1100


def test_an_environment_made_without_pictures(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    env = make_env(render_mode=None)
    with pytest.raises(SimulationError, match="render_mode='rgb_array'"):
        rltools.record(make_policy(env), env, episodes=1, frames=True, directory=tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_environment_that_draws_nothing(make_policy: Make, make_env: Make) -> None:
    env = make_env(render=lambda env: None if env.t == 2 else shade(env))
    with pytest.raises(FaultError, match="drew") as caught:
        rltools.record(make_policy(env), env, episodes=1, frames=True)
    recording = caught.value.recording
    assert recording is not None
    assert len(recording.episode(0)) == 2
    assert len(recording.frames(0) or []) == 2


@pytest.mark.parametrize(("declared", "expected"), [(20, "20.0"), (None, "30.0"), ("fast", "30.0"), (0, "30.0")])
def test_frames_per_second(declared: Any, expected: str, make_policy: Make, make_env: Make) -> None:
    from rltools.recording.parquet import read_metadata

    make = make_env()

    def env() -> Any:
        env_instance = make()
        env_instance.metadata = {"render_fps": declared}
        return env_instance

    recording = rltools.record(make_policy(make), env, episodes=1, frames=True)
    assert read_metadata(recording.directory / "frames" / "000000.parquet")["frames_per_second"] == expected


CHANGING = """
import os

import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class Changing(CartPoleEnv):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gravity = float(os.environ["GRAVITY"])


gymnasium.register("ChangingPole-v0", "changing:Changing", max_episode_steps=4)
"""


def test_another_course_in_the_child_process(
    make_policy: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "changing.py").write_text(CHANGING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GRAVITY", "9.8")
    import changing  # type: ignore[import-not-found]  # noqa: F401

    recording = rltools.record(make_policy("ChangingPole-v0"), episodes=2, directory=tmp_path / "run")
    monkeypatch.setenv("GRAVITY", "3")
    with pytest.raises(FaultError, match="episode 1 diverged"):
        draw_episodes(recording, [1], modules=["changing"])
    assert recording.frames(1) is None
    monkeypatch.setenv("GRAVITY", "9.8")
    draw_episodes(recording, [1], modules=["changing"])
    assert len(recording.frames(1) or []) == 4
    gymnasium.registry.pop("ChangingPole-v0")
    del sys.modules["changing"]
