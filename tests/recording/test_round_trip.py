"""Arrays of every kind come back as they were, in files encoded as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rltools.recording import Outcome
from rltools.recording.episode import episode_metadata, read_episode, read_outcome
from rltools.recording.parquet import CONTENT, ColumnWriter, read_blocks, read_columns, read_metadata
from rltools.recording.writers import BlockFile
from rltools.spaces import Features

KINDS = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
SHAPES = ((), (1,), (5,), (3, 4), (4, 5, 3), (1, 1, 1))
Columns = dict[str, np.ndarray]


def filled(shape: tuple[int, ...], dtype: str, rows: int = 7) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((rows, *shape)) * 60).astype(dtype)


def written(path: Path, *blocks: Columns, metadata: dict[str, str] | None = None) -> Path:
    writer = ColumnWriter(path, blocks[0])
    for block in blocks:
        writer.write(block)
    writer.close(metadata or {})
    return path


def assert_same(actual: np.ndarray, original: np.ndarray) -> None:
    assert actual.dtype == original.dtype
    assert actual.shape == original.shape
    assert actual.tobytes() == original.tobytes()


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_kind_and_shape(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    values = filled(shape, dtype)
    path = written(tmp_path / "a.parquet", {"x": values})
    assert_same(read_columns(path)["x"], values)
    assert_same(np.concatenate([block["x"] for block in read_blocks(path, ["x"], 3)]), values)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_rows_keep_kind_and_shape(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    values = filled(shape, dtype, rows=0)
    assert_same(read_columns(written(tmp_path / "a.parquet", {"x": values}))["x"], values)


def test_layout_in_memory_does_not_matter(tmp_path: Path) -> None:
    values = filled((4, 6), "float32")
    for changed in (values[::2], values[:, ::-1], np.asfortranarray(values), values.transpose(0, 2, 1)):
        path = written(tmp_path / "a.parquet", {"x": changed})
        assert_same(read_columns(path)["x"], np.ascontiguousarray(changed))


@given(data=st.data())
def test_any_array(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = data.draw(st.integers(0, 6))
    columns = {
        name: data.draw(
            arrays.arrays(
                data.draw(st.sampled_from(KINDS)), (rows, *data.draw(arrays.array_shapes(min_dims=0, max_side=4)))
            )
        )
        for name in data.draw(
            st.lists(st.text(min_size=1, max_size=8).filter(is_plain), min_size=1, max_size=3, unique=True)
        )
    }
    message = data.draw(st.dictionaries(st.sampled_from(["fault", "b", "c"]), st.text(st.characters(codec="utf-8"))))
    path = written(tmp_path_factory.mktemp("any") / "a.parquet", columns, metadata=message)
    actual = read_columns(path)
    assert list(actual) == list(columns)
    for name, values in columns.items():
        assert_same(actual[name], values)
    assert {name: value for name, value in read_metadata(path).items() if name != CONTENT} == message


def is_plain(name: str) -> bool:
    """Column names are ours, never a user's."""
    return name.isascii() and name.isidentifier()


@given(cuts=st.lists(st.integers(0, 5), min_size=1, max_size=6), rows=st.integers(1, 9))
def test_blocks_are_joined_and_cut_anywhere(
    cuts: list[int], rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    blocks = [{"x": filled((2,), "float32", size), "y": filled((), "int64", size)} for size in cuts]
    path = written(tmp_path_factory.mktemp("cut") / "a.parquet", *blocks)
    full_column = np.concatenate([block["x"] for block in blocks])
    parts = list(read_blocks(path, ["y", "x"], rows))
    assert all(len(part["x"]) <= rows for part in parts)
    assert_same(np.concatenate([full_column[:0], *(part["x"] for part in parts)]), full_column)
    assert_same(read_columns(path)["x"], full_column)


@given(
    fault=st.text(st.characters(codec="utf-8")),
    reward=st.floats(),
    final=arrays.arrays(np.float32, (2, 3)) | st.none(),
)
def test_an_outcome_and_a_final_observation(
    fault: str, reward: float, final: np.ndarray | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("end") / "000003.parquet"
    outcome = Outcome(3, 5, 4, reward, "fault", fault, 2)
    file = BlockFile(path)
    file.write(episode_columns(4, (2, 3)))
    file.finish(episode_metadata(outcome, None if final is None else {"observation": final}))
    episode = read_episode(path, Features((2, 3)))
    assert repr(episode.outcome) == repr(outcome) == repr(read_outcome(path))
    assert (episode.final_observation is None) == (final is None)
    if final is not None and episode.final_observation is not None:
        assert_same(episode.final_observation, final)


def episode_columns(rows: int, shape: tuple[int, ...] = (4,)) -> Columns:
    return {
        "observation": filled(shape, "float32", rows),
        "action": filled((), "int64", rows),
        "score": filled((2,), "float32", rows),
        "reward": filled((), "float64", rows),
        "terminated": filled((), "bool", rows),
        "truncated": filled((), "bool", rows),
    }


def test_encodings(tmp_path: Path) -> None:
    columns = episode_columns(500) | {"pixels": filled((4, 3, 2), "uint8", 500)}
    groups = pq.read_metadata(written(tmp_path / "a.parquet", columns)).row_group(0)
    actual = {group.path_in_schema: group for group in map(groups.column, range(groups.num_columns))}
    split = {
        "observation.list.element",
        "score.list.element",
        "pixels.list.element",
        "action",
        "reward",
    }
    assert set(actual) == split | {"terminated", "truncated"}
    for name, group in actual.items():
        assert group.compression == "ZSTD", name
        assert not group.has_dictionary_page, name
        assert not any("DICTIONARY" in encoding for encoding in group.encodings), name
        assert ("BYTE_STREAM_SPLIT" in group.encodings) == (name in split), name


def test_pages_carry_a_checksum(tmp_path: Path) -> None:
    """Flip a bit of the compressed data: only a checksum tells, for stored floats may be anything."""
    path = written(tmp_path / "a.parquet", {"x": np.random.default_rng(0).bytes(4000) and filled((), "float64", 4000)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_columns_are_tensors_to_anyone(tmp_path: Path) -> None:
    schema = pq.read_schema(
        written(tmp_path / "a.parquet", {"x": filled((4, 3), "float32"), "r": filled((), "float64")})
    )
    assert isinstance(schema.field("x").type, pa.FixedShapeTensorType)
    assert schema.field("x").type.shape == [4, 3]
    assert schema.field("r").type == pa.float64()


def test_frames_are_bytes(tmp_path: Path) -> None:
    frames = np.empty(2, object)
    frames[:] = [b"RIFF\x00\xff", b""]
    actual: Any = read_columns(written(tmp_path / "a.parquet", {"frame": frames}))["frame"]
    assert list(actual) == [b"RIFF\x00\xff", b""]
