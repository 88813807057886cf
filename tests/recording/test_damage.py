"""Damaged files are named, and the others stay usable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.errors import CorruptError
from rltools.recording import DamagedFileWarning

Make = Callable[..., Any]


@pytest.fixture
def stored(make_policy: Make, make_env: Make, tmp_path: Path) -> Any:
    env = make_env(length=4)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=3, directory=tmp_path, frames=[1])
    rltools.explain(recording, policy, method="gradient")
    return rltools.explain(recording, policy, method="input_x_gradient")


def attribution_file(recording: Any, number: int) -> Path:
    return recording.directory / "attributions" / recording.find("gradient") / f"{number:06d}.parquet"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def flip_in_data(path: Path) -> None:
    """Damage the rows and leave the end of the file, which says how the episode went, as it was."""
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip_in_data, lambda path: path.write_bytes(b"")])
def test_iterating_names_and_skips_it(damage: Callable[[Path], Any], stored: Any) -> None:
    damage(stored.episode_path(1))
    with pytest.warns(DamagedFileWarning, match=r"000001\.parquet is damaged"):
        assert [episode.outcome.number for episode in stored] == [0, 2]
    with pytest.raises(CorruptError, match=r"000001\.parquet is damaged .* Delete this one and record again"):
        stored.episode(1)
    with pytest.warns(DamagedFileWarning, match=r"000001\.parquet"):
        labeled = stored.to_xarray()
    assert labeled["episode"].values.tolist() == [0] * 4 + [2] * 4
    assert not labeled["attribution_gradient"].isnull().any()
    assert list(stored.damaged()) == [stored.episode_path(1)]


def test_outcomes_skip_it(stored: Any) -> None:
    truncate(stored.episode_path(2))
    with pytest.warns(DamagedFileWarning, match=r"000002\.parquet"):
        assert [outcome.number for outcome in stored.outcomes()] == [0, 1]


def test_an_episode_whose_end_is_lost_has_no_attributions(stored: Any) -> None:
    truncate(stored.episode_path(0))
    with pytest.warns(DamagedFileWarning, match=r"episodes/000000\.parquet"):
        assert len(stored.attribution()) == 8
    with pytest.raises(CorruptError):
        stored.attribution(episodes=[0])


def test_a_damaged_episode_that_could_not_be_explained(stored: Any) -> None:
    flip_in_data(stored.episode_path(0))
    attribution_file(stored, 0).unlink()
    with pytest.warns(DamagedFileWarning, match=r"episodes/000000\.parquet"):
        assert len(stored.attribution("gradient")) == 8


@pytest.mark.parametrize("number", [0, 2])
def test_damaged_attributions_are_nan(number: int, stored: Any) -> None:
    truncate(attribution_file(stored, number))
    with pytest.warns(DamagedFileWarning, match=rf"00000{number}\.parquet is damaged"):
        attribution = stored.attribution("gradient")
    assert len(attribution) == 12
    assert np.isnan(attribution.values).all((1, 2)).tolist() == [step // 4 == number for step in range(12)]
    assert len(stored.attribution("input_x_gradient")) == 12
    assert list(stored.damaged()) == [attribution_file(stored, number)]


def test_all_attributions_damaged(stored: Any) -> None:
    for number in stored.numbers:
        truncate(attribution_file(stored, number))
    with pytest.warns(DamagedFileWarning):
        attribution = stored.attribution("gradient")
    assert attribution.values.shape == (12, 1, 3)
    assert np.isnan(attribution.values).all()


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"labels": 3}'])
def test_a_damaged_question_leaves_the_others(text: str, stored: Any) -> None:
    path = attribution_file(stored, 0).with_name("attribution.json")
    path.write_text(text)
    with pytest.warns(DamagedFileWarning, match=r"attribution\.json"):
        assert [spec.method for spec in stored.specs.values()] == ["input_x_gradient"]
    assert list(stored.damaged()) == [path]


def test_damaged_frames(stored: Any) -> None:
    path = stored.directory / "frames" / "000001.parquet"
    truncate(path)
    with pytest.raises(CorruptError, match=r"frames/000001\.parquet"):
        stored.frames(1)
    assert list(stored.damaged()) == [path]


def test_nothing_is_damaged_while_another_process_writes(stored: Any) -> None:
    (stored.directory / "episodes" / ".unfinished-000003.parquet").write_bytes(b"PAR1")
    assert stored.damaged() == {}
    assert len(list(stored)) == 3


def test_a_parquet_file_of_somebody_else(stored: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1, 2]}), stored.episode_path(0))
    for read in (stored.episode, stored.outcome):
        with pytest.raises(CorruptError, match="it has no 'checksum'"):
            read(0)
