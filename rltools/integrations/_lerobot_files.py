"""Writes the files of a LeRobot data set: steps in chunks, their statistics, and tables of episodes and tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rltools.integrations._recorded import as_png
from rltools.recording import Recording

FILE_BYTES = 100 << 20
"""The size after which a file of steps is followed by another one, as in LeRobot."""
FILES_PER_CHUNK = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
Columns = dict[str, np.ndarray]


def write_steps(
    recording: Recording,
    episodes: Iterable[tuple[int, Columns]],
    features: dict[str, dict[str, Any]],
    folder: Path,
    fps: int,
) -> list[dict[str, Any]]:
    """Write the files of steps, and their statistics; returns a row for each episode.

    Args:
        recording: has the frames.
        episodes: the number of each episode, and its columns `[step, ...]` by feature.
        features: of the data set.
        folder: of the data set.
        fps: steps per second.
    """
    rows: list[dict[str, Any]] = []
    file_index, written, start = 0, 0, 0
    writer: pq.ParquetWriter | None = None
    statistics: dict[str, _Statistics] = {}
    try:
        for number, recorded in episodes:
            count = len(recorded["next.reward"])
            columns = recorded | {
                "timestamp": (np.arange(count) / fps).astype(np.float32),
                "frame_index": np.arange(count),
                "episode_index": np.full(count, len(rows)),
                "index": np.arange(start, start + count),
                "task_index": np.zeros(count, np.int64),
            }
            for key, values in columns.items():
                if values.dtype.kind in "biuf" and features[key]["dtype"] != "image":
                    statistics.setdefault(key, _Statistics()).add(values)
            arrays = {key: _array(columns[key], feature) for key, feature in features.items() if key in columns}
            if "observation.images.render" in features:
                arrays["observation.images.render"] = _images((recording.frames(number) or [])[:count])
            for key in features.keys() - arrays.keys():  # an attribution that this episode lacks
                gap = np.full((count, *features[key]["shape"]), np.nan, features[key]["dtype"])
                arrays[key] = _array(gap, features[key])
            table = pa.table({key: arrays[key] for key in features})
            if writer is not None and written + table.nbytes > FILE_BYTES:
                writer.close()
                writer, file_index, written = None, file_index + 1, 0
            chunk, file = divmod(file_index, FILES_PER_CHUNK)
            if writer is None:
                path = folder / DATA_PATH.format(chunk_index=chunk, file_index=file)
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table)
            written += table.nbytes
            places = {"data/chunk_index": chunk, "data/file_index": file}
            rows.append({"length": count, "dataset_from_index": start, "dataset_to_index": start + count} | places)
            start += count
    finally:
        if writer is not None:
            writer.close()
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    content = {key: each.to_json() for key, each in statistics.items()}
    (folder / "meta" / "stats.json").write_text(json.dumps(content, indent=4), encoding="utf-8", newline="\n")
    return rows


def write_episodes(rows: list[dict[str, Any]], task: str, folder: Path) -> None:
    """Write the tables of episodes and of tasks."""
    import pandas as pd

    table = pa.table(
        {
            "episode_index": pa.array(range(len(rows)), pa.int64()),
            "tasks": pa.array([[task]] * len(rows), pa.list_(pa.string())),
            **{name: pa.array([row[name] for row in rows], pa.int64()) for name in rows[0]},
            "meta/episodes/chunk_index": pa.array([0] * len(rows), pa.int64()),
            "meta/episodes/file_index": pa.array([0] * len(rows), pa.int64()),
        }
    )
    path = folder / EPISODES_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    pd.DataFrame({"task_index": [0]}, index=[task]).to_parquet(folder / "meta" / "tasks.parquet")


def _array(values: np.ndarray, feature: dict[str, Any]) -> pa.Array:
    """A column of a table: plain for one number per step, else lists as deep as its shape."""
    if feature["dtype"] == "image":
        return _images([as_png(pixels) for pixels in values])
    if feature["dtype"] == "string":
        return pa.array([str(text) for text in values], pa.string())
    array = pa.array(values.reshape(-1))
    if feature["shape"] == [1]:
        return array
    if len(feature["shape"]) == 1:
        return pa.FixedSizeListArray.from_arrays(array, feature["shape"][0])
    for size in reversed(feature["shape"]):
        offsets = np.arange(0, len(array) + 1, size, dtype=np.int32)
        array = pa.ListArray.from_arrays(pa.array(offsets), array)
    return array


def _images(images: list[bytes]) -> pa.Array:
    """Encoded images, as the library `datasets` keeps them in a table."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": image, "path": None} for image in images], kind)


class _Statistics:
    """Minimum, maximum, mean, std and count of a feature, over steps with finite numbers, one episode at a time."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, np.zeros(1), np.zeros(1)
        self.low, self.high = np.full(1, np.inf), np.full(1, -np.inf)

    def add(self, values: np.ndarray) -> None:
        """Take the steps `[step, ...]` of another episode into account."""
        numbers = values.reshape(len(values), -1).astype(np.float64)
        numbers = numbers[np.isfinite(numbers).all(axis=1)]
        if not len(numbers):
            return
        self.count += len(numbers)
        self.total = self.total + numbers.sum(axis=0)
        self.squares = self.squares + (numbers**2).sum(axis=0)
        self.low, self.high = np.minimum(self.low, numbers.min(axis=0)), np.maximum(self.high, numbers.max(axis=0))

    def to_json(self) -> dict[str, list[float]]:
        """As `stats.json` lists them."""
        if self.count == 0:
            return {"count": [0]}
        mean = self.total / self.count
        std = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0))
        numbers = {"min": self.low, "max": self.high, "mean": mean, "std": std}
        return {name: part.tolist() for name, part in numbers.items()} | {"count": [self.count]}
