"""Carrying on in a folder that already holds a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.errors import ConflictError
from rltools.rollout import settings as _settings

Make = Callable[..., Any]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()}


def test_what_is_missing_comes_back_with_the_same_bytes(cartpole: Any, tmp_path: Path) -> None:
    rltools.record(cartpole, episodes=6, max_steps=30, directory=tmp_path)
    before = files(tmp_path)
    for number in (1, 4, 5):
        (tmp_path / "episodes" / f"{number:06d}.parquet").unlink()
    rltools.record(cartpole, episodes=6, max_steps=30, directory=tmp_path, num_envs=2)
    assert files(tmp_path) == before


def test_the_same_seed_gives_the_same_bytes_elsewhere(cartpole: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        rltools.record(cartpole, episodes=3, max_steps=30, directory=tmp_path / name)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    rltools.record(cartpole, episodes=3, max_steps=30, seed=1, directory=tmp_path / "c")
    shifted = files(tmp_path / "c")["episodes/000000.parquet"]
    assert shifted != files(tmp_path / "a")["episodes/000000.parquet"]


def test_more_episodes_extend_and_touch_nothing(cartpole: Any, tmp_path: Path) -> None:
    rltools.record(cartpole, episodes=2, max_steps=30, directory=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    recording = rltools.record(cartpole, episodes=5, max_steps=30, directory=tmp_path)
    assert recording.numbers == (0, 1, 2, 3, 4)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_nothing_to_do_is_fine(make_policy: Make, tmp_path: Path) -> None:
    policy = make_policy("CartPole-v1")
    rltools.record(policy, episodes=3, max_steps=30, directory=tmp_path)
    before = files(tmp_path)
    assert len(rltools.record(policy, episodes=2, max_steps=30, directory=tmp_path)) == 3
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"seed": 1}, "seed=0 there and seed=1 now"),
        ({"max_steps": 31}, "max_steps=30 there and max_steps=31 now"),
        ({"deterministic": False}, "the policy's best action is taken there, and actions are sampled now"),
    ],
)
def test_other_settings_are_refused_with_what_differs(choice: Any, message: str, cartpole: Any, tmp_path: Path) -> None:
    settings = {"episodes": 2, "max_steps": 30, "directory": tmp_path}
    rltools.record(cartpole, **settings)
    before = files(tmp_path)
    with pytest.raises(ConflictError, match=message) as caught:
        rltools.record(cartpole, **(settings | choice))
    assert "overwrite=True" in str(caught.value)
    assert files(tmp_path) == before


def test_another_policy_is_refused(cartpole: Any, make_policy: Make, tmp_path: Path) -> None:
    rltools.record(cartpole, episodes=1, max_steps=5, directory=tmp_path)
    with pytest.raises(ConflictError, match="the model is another: its sha256 is"):
        rltools.record(make_policy("CartPole-v1", seed=5), episodes=1, max_steps=5, directory=tmp_path)


def test_overwrite_replaces_everything_that_followed_from_the_old_one(cartpole: Any, tmp_path: Path) -> None:
    rltools.explain(rltools.record(cartpole, episodes=4, max_steps=5, directory=tmp_path), cartpole, method="gradient")
    (tmp_path / "index.html").write_text("of the old one")
    (tmp_path / "my notes.txt").write_text("mine")
    recording = rltools.record(cartpole, episodes=2, max_steps=9, seed=3, directory=tmp_path, overwrite=True)
    assert recording.numbers == (0, 1)
    assert recording.specs == {}
    assert recording.header.seed == 3
    assert not (tmp_path / "index.html").exists()
    assert (tmp_path / "my notes.txt").read_text() == "mine"
    rltools.record(cartpole, episodes=1, max_steps=9, seed=3, directory=tmp_path, overwrite=True)
    assert recording.numbers == (0,)


def test_episodes_of_unknown_settings_are_not_mixed_with_new_ones(cartpole: Any, tmp_path: Path) -> None:
    rltools.record(cartpole, episodes=3, max_steps=5, directory=tmp_path)
    (tmp_path / "recording.json").unlink()
    with pytest.raises(ConflictError, match=r"no recording\.json"):
        rltools.record(cartpole, episodes=4, max_steps=9, directory=tmp_path)
    assert len(rltools.record(cartpole, episodes=1, max_steps=9, directory=tmp_path, overwrite=True)) == 1


def test_versions_may_change_in_between(cartpole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_settings, "version", lambda name: f"0.{name}")
        older = rltools.record(cartpole, episodes=1, max_steps=5, directory=tmp_path)
    assert older.header.versions["numpy"] == "0.numpy"
    newer = rltools.record(cartpole, episodes=2, max_steps=5, directory=tmp_path)
    assert len(list(newer)) == 2
    assert newer.header == older.header


def test_a_recording_inside_the_folder_is_left_alone(cartpole: Any, tmp_path: Path) -> None:
    inner = tmp_path / "inner" / "episodes" / ".unfinished-000003.parquet"
    inner.parent.mkdir(parents=True)
    inner.write_text("being written by another process")
    rltools.record(cartpole, episodes=1, max_steps=5, directory=tmp_path)
    assert inner.exists()
