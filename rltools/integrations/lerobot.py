"""LeRobot v3: data sets of robots, as Parquet files of steps with the names of what is measured.

Written and read by its documented layout, without the library, which pulls in a gigabyte. A recorded observation is
`observation.state`, or `observation.<key>` for the arrays of a Dict; the names of features are those of the data set,
in both directions. Beside them there are `policy.score` and `attribution.<name>`, NaN where nothing was explained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rltools.errors import ArgumentError
from rltools.integrations._data import Data
from rltools.integrations._formats import appearing_whole, exporter, importer
from rltools.integrations._lerobot_read import open_folder
from rltools.integrations._recorded import (
    MOST_NAMES,
    attribution_columns,
    attribution_names,
    description,
    steps_per_second,
    with_final_observation,
)
from rltools.recording import Episode, Recording, recorded_leaves
from rltools.spaces.leaves import Leaf, pick

if TYPE_CHECKING:
    from rltools.recording import Outcome

VERSION = "v3.0"
FILE_BYTES = 100 << 20
"""The size after which a file of steps is followed by another one, as in LeRobot."""
FILES_PER_CHUNK = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
_AXES = ["height", "width", "channels"]
_PLACES = ("timestamp", "frame_index", "episode_index", "index", "task_index")
Columns = dict[str, np.ndarray]


@exporter(
    "a LeRobot data set, version 3",
    place="the folder of the data set",
    default=lambda recording: str(recording.directory / "lerobot"),
)
def write(recording: Recording, out: str, *, overwrite: bool = False, fps: int = 0, task: str = "") -> str:
    """Write a recording as a LeRobot data set of version 3.

    Args:
        recording: the recording.
        out: the folder of the data set.
        overwrite: replace what is there.
        fps: steps per second; 0 is the rate of the recorded frames, or 30.
        task: the description of the task; "" is the environment's id.

    Returns:
        The folder.

    Raises:
        ArgumentError: a rate below 0.
        ConflictError: there is something already.

    Example:
        >>> import pyarrow.parquet, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=40), policy, method="gradient")
        >>> rltools.export(recording, "lerobot", "poles")
        'poles'
        >>> table = pyarrow.parquet.read_table("poles/data/chunk-000/file-000.parquet")
        >>> table.num_rows, table["attribution.gradient"].type.list_size
        (80, 4)
    """
    if fps < 0:
        raise ArgumentError(f"fps is {fps}; it must be at least 1, or 0 for the rate of the recorded frames")
    first = next(_episodes(recording), None)
    if first is None:
        raise ArgumentError(f"{recording.directory} has no steps to export; record some first")
    rate = fps or round(steps_per_second(recording)) or 1
    framed = all(recording.frames(number) is not None for number in recording.numbers)
    features = _features(recording, first, framed=framed)
    task = task or recording.header.environment_id or recording.header.policy
    with appearing_whole(Path(out), overwrite=overwrite) as folder:
        rows = _write_steps(recording, features, folder, rate)
        _write_episodes(rows, task, folder)
        info = {
            "codebase_version": VERSION,
            "robot_type": None,
            "total_episodes": len(rows),
            "total_frames": sum(row["length"] for row in rows),
            "total_tasks": 1,
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": FILE_BYTES >> 20,
            "video_files_size_in_mb": 200,
            "fps": rate,
            "splits": {"train": f"0:{len(rows)}"},
            "data_path": DATA_PATH,
            "video_path": None,
            "features": features,
            "rltools": description(recording) | {"choices": _choices(recording)},
        }
        text = json.dumps(info, indent=4, ensure_ascii=False)
        (folder / "meta" / "info.json").write_text(text, encoding="utf-8", newline="\n")
    return out


@importer("a LeRobot data set, version 3", place="its folder, or its id in the folder of LeRobot's data sets")
def read(source: str) -> Data:
    """Open a LeRobot data set of version 3 on this machine; the names of its features become those of the policy.

    Args:
        source: its folder; or its id, for instance "lerobot/pusht", if it is in `HF_LEROBOT_HOME`.

    Raises:
        DataError: there is no such data set, it has another version, or does not describe what it holds.
    """
    return open_folder(source)


def feature_key(leaf: Leaf, *, is_image: bool) -> str:
    """What a data set calls an array of the observations."""
    if not leaf.path:
        return "observation.images.observation" if is_image else "observation.state"
    return f"observation.{'.'.join(map(str, leaf.path))}"


def _is_image(values: np.ndarray) -> bool:
    """Whether an array `[step, y, x, channel]` can be kept as images without loss."""
    return values.dtype == np.uint8 and values.ndim == 4 and values.shape[-1] == 3


def _observations(recording: Recording, episode: Episode) -> dict[str, tuple[Leaf, np.ndarray]]:
    """Each array of the observations, by the name of its feature."""
    arrays = [(leaf, pick(episode.observations, leaf)) for leaf in recorded_leaves(recording.features)]
    return {feature_key(leaf, is_image=_is_image(values)): (leaf, values) for leaf, values in arrays}


def _choices(recording: Recording) -> dict[str, dict[str, list[int]]]:
    """The numbers of values, and the lowest ones, of the features that are choices."""
    return {
        feature_key(leaf, is_image=False): {
            "sizes": list(leaf.sizes),
            "starts": list(leaf.starts),
            "shape": list(leaf.shape),
        }
        for leaf in recorded_leaves(recording.features)
        if leaf.kind == "choice"
    }


def _columns(recording: Recording, episode: Episode) -> Columns:
    """What a data set has of an episode, `[step, ...]` by feature, besides the places of its steps."""
    columns = {key: values for key, (_, values) in _observations(recording, episode).items()}
    columns |= {
        "action": episode.actions,
        "next.reward": episode.rewards,
        "next.done": episode.terminated | episode.truncated,
        "next.terminated": episode.terminated,
        "next.truncated": episode.truncated,
        "policy.score": episode.scores,
    }
    if episode.masks is not None:
        columns["action_mask"] = episode.masks
    explained = attribution_columns(recording, episode.outcome.number)
    for name in attribution_names(recording).values():
        if name in explained:
            values = explained[name][: len(episode)]
            columns[f"attribution.{name}"] = values[:, 0] if values.shape[1] == 1 else values
    return columns


def _features(recording: Recording, first: Episode, *, framed: bool) -> dict[str, dict[str, Any]]:
    """The features of the data set, as `info.json` lists them: dtype, shape and names."""
    header, own = recording.header, recording.features
    is_named = bool(own.given_names) and own.size <= MOST_NAMES
    named = {part.leaf.path: own.names[part.start : part.stop] for part in own.parts} if is_named else {}
    features: dict[str, dict[str, Any]] = {}
    for key, values in _columns(recording, first).items():
        shape = list(values.shape[1:]) or [1]
        dtype = "string" if values.dtype.kind == "O" else values.dtype.name
        features[key] = {"dtype": dtype, "shape": shape, "names": None}
        if _is_image(values) and key.startswith("observation."):
            features[key] |= {"dtype": "image", "names": _AXES}
    for key, (leaf, values) in _observations(recording, first).items():
        names = named.get(leaf.path, ())
        if len(names) == prod(values.shape[1:]) and leaf.kind == "number" and features[key]["dtype"] != "image":
            features[key]["names"] = list(names)
    for key in ("action", "policy.score"):
        if len(header.action_names) == prod(features[key]["shape"]):
            features[key]["names"] = list(header.action_names)
    for key, feature in features.items():
        if key.startswith("attribution.") and is_named and feature["shape"] == [own.size]:
            feature["names"] = list(own.names)
    if framed:
        height, width = _size(recording, first.outcome)
        features["observation.images.render"] = {"dtype": "image", "shape": [height, width, 3], "names": _AXES}
    kinds = {"timestamp": "float32"}
    for name in _PLACES:
        features[name] = {"dtype": kinds.get(name, "int64"), "shape": [1], "names": None}
    return features


def _size(recording: Recording, outcome: Outcome) -> tuple[int, int]:
    from PIL import Image

    image = Image.open(BytesIO((recording.frames(outcome.number) or [b""])[0]))
    return image.height, image.width


def _episodes(recording: Recording) -> Iterator[Episode]:
    """The episodes that have steps, without a last step that ended by a fault."""
    for recorded in recording:
        if (episode := with_final_observation(recorded)) is not None and len(episode):
            yield episode


def _write_steps(
    recording: Recording, features: dict[str, dict[str, Any]], folder: Path, fps: int
) -> list[dict[str, Any]]:
    """Write the files of steps, and their statistics; returns a row for each episode."""
    rows: list[dict[str, Any]] = []
    file_index, written, start = 0, 0, 0
    writer: pq.ParquetWriter | None = None
    statistics: dict[str, _Statistics] = {}
    try:
        for episode in _episodes(recording):
            number = episode.outcome.number
            columns, count = _columns(recording, episode), len(episode)
            columns |= {
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


def _write_episodes(rows: list[dict[str, Any]], task: str, folder: Path) -> None:
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
        return _images([_png(pixels) for pixels in values])
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


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


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
