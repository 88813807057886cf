"""Several episodes, and two agents, with pictures that are drawn when the page is made."""

from __future__ import annotations

from pathlib import Path

import pytest

import rltools
from rltools.errors import RecordingError, UnknownNameError
from rltools.pages.replay import replay_episode

Made = tuple[rltools.Recording, rltools.Policy]


def recorded(created: Made, seed: int, directory: Path) -> rltools.Recording:
    return rltools.record(created[1], "CartPole-v1", episodes=2, seed=seed, max_steps=3, directory=directory)


def test_frames_of_all_shown_episodes_are_drawn(explained_cartpole: Made, tmp_path: Path) -> None:
    each = recorded(explained_cartpole, 5, tmp_path / "one")
    other = recorded(explained_cartpole, each.outcome(1).seed, tmp_path / "other")
    page = replay_episode(each, [1], beside=other)
    assert page == tmp_path / "one" / "replays" / "episode-000001-beside-other.html"
    assert [each.frames(number) is None for number in (0, 1)] == [True, False]
    assert [other.frames(number) is None for number in (0, 1)] == [False, True]  # that with the same seed
    assert page.read_text("utf-8").count('class="episode-data"') == 2
    both = replay_episode(each, [0, 1])
    assert both.name == "episodes-000000-000001.html"
    assert each.frames(0) is not None


def test_what_cannot_be_shown_is_not_drawn(explained_cartpole: Made, tmp_path: Path) -> None:
    each = recorded(explained_cartpole, 5, tmp_path / "one")
    other = recorded(explained_cartpole, each.outcome(1).seed, tmp_path / "other")
    with pytest.raises(RecordingError, match="seed 5"):
        replay_episode(each, [1, 0], beside=other)
    with pytest.raises(UnknownNameError, match="no episode 4"):
        replay_episode(each, [1, 4])
    assert not (each.directory / "frames").exists()
