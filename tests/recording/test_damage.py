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
def kept(make_policy: Make, make_env: Make, tmp_path: Path) -> Any:
    env = make_env(length=4)
    policy = make_policy(env)
    recording = rltools.record(policy, env, episodes=3, directory=tmp_path, frames=[1])
    rltools.explain(recording, policy)
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
def test_iterating_names_and_skips_it(damage: Callable[[Path], Any], kept: Any) -> None:
    damage(kept.episode_path(1))
    with pytest.warns(DamagedFileWarning, match=r"000001\.parquet is damaged"):
        assert [episode.outcome.number for episode in kept] == [0, 2]
    with pytest.raises(CorruptError, match=r"000001\.parquet is damaged .* once it is deleted"):
        kept.episode(1)
    with pytest.warns(DamagedFileWarning, match=r"000001\.parquet"):
        labeled = kept.to_xarray()
    assert labeled["episode"].values.tolist() == [0] * 4 + [2] * 4
    assert not labeled["attribution_gradient"].isnull().any()
    assert list(kept.damaged()) == [kept.episode_path(1)]


def test_outcomes_skip_it(kept: Any) -> None:
    truncate(kept.episode_path(2))
    with pytest.warns(DamagedFileWarning, match=r"000002\.parquet"):
        assert [outcome.number for outcome in kept.outcomes()] == [0, 1]


def test_an_episode_whose_end_is_lost_has_no_attributions(kept: Any) -> None:
    truncate(kept.episode_path(0))
    with pytest.warns(DamagedFileWarning, match=r"episodes/000000\.parquet"):
        assert len(kept.attribution()) == 8
    with pytest.raises(CorruptError):
        kept.attribution(episodes=[0])


def test_a_damaged_episode_that_could_not_be_explained(kept: Any) -> None:
    flip_in_data(kept.episode_path(0))
    attribution_file(kept, 0).unlink()
    with pytest.warns(DamagedFileWarning, match=r"episodes/000000\.parquet"):
        assert len(kept.attribution("gradient")) == 8


@pytest.mark.parametrize("number", [0, 2])
def test_damaged_attributions_are_nan(number: int, kept: Any) -> None:
    truncate(attribution_file(kept, number))
    with pytest.warns(DamagedFileWarning, match=rf"00000{number}\.parquet is damaged"):
        found = kept.attribution("gradient")
    assert len(found) == 12
    assert np.isnan(found.values).all((1, 2)).tolist() == [step // 4 == number for step in range(12)]
    assert len(kept.attribution("input_x_gradient")) == 12
    assert list(kept.damaged()) == [attribution_file(kept, number)]


def test_all_attributions_damaged(kept: Any) -> None:
    for number in kept.numbers:
        truncate(attribution_file(kept, number))
    with pytest.warns(DamagedFileWarning):
        found = kept.attribution("gradient")
    assert found.values.shape == (12, 1, 3)
    assert np.isnan(found.values).all()


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"labels": 3}'])
def test_a_damaged_question_leaves_the_others(text: str, kept: Any) -> None:
    path = attribution_file(kept, 0).with_name("attribution.json")
    path.write_text(text)
    with pytest.warns(DamagedFileWarning, match=r"attribution\.json"):
        assert [spec.method for spec in kept.specs.values()] == ["input_x_gradient"]
    assert list(kept.damaged()) == [path]


def test_damaged_frames(kept: Any) -> None:
    path = kept.directory / "frames" / "000001.parquet"
    truncate(path)
    with pytest.raises(CorruptError, match=r"frames/000001\.parquet"):
        kept.frames(1)
    assert list(kept.damaged()) == [path]


def test_nothing_is_damaged_while_another_process_writes(kept: Any) -> None:
    (kept.directory / "episodes" / ".unfinished-000003.parquet").write_bytes(b"PAR1")
    assert kept.damaged() == {}
    assert len(list(kept)) == 3


def test_a_parquet_file_of_somebody_else(kept: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1, 2]}), kept.episode_path(0))
    for read in (kept.episode, kept.outcome):
        with pytest.raises(CorruptError, match="it has no 'checksum'"):
            read(0)
