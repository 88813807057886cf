"""Reads LeRobot data sets of version 3 from their folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gymnasium import spaces

from rltools.errors import DataError
from rltools.integrations._data import Data, DataEpisode
from rltools.integrations._formats import required

OBSERVATION, RENDERED = "observation.", "images.render"
"""What observations begin with, and the one of them that is no observation: the rendered environment."""
_FIELD = re.compile(r"\{(\w+)(?::0?(\d)d)?\}")
_NUMBERS = ("float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
MOST_ELEMENTS = 1 << 28
"""Most elements of a feature at one step."""
_PLACES = ("data/chunk_index", "data/file_index", "length")


def open_folder(source: str) -> Data:
    """Open the data set in a folder, or of an id in the folder of LeRobot's data sets.

    Raises:
        DataError: there is none, it has another version, or does not describe what it holds.
    """
    name, folder = f"lerobot:{source}", _folder(source)
    info = json.loads((folder / "meta" / "info.json").read_text(encoding="utf-8"))
    if not isinstance(info, dict) or not isinstance(info.get("features"), dict):
        raise DataError(f"{folder}/meta/info.json lists no features; it is not that of a LeRobot data set")
    version = str(info.get("codebase_version"))
    if not version.startswith("v3."):
        raise DataError(
            f"{name} has version {version}, and v3 is read; LeRobot's own convert_dataset_v21_to_v30 converts it"
        )
    features: dict[str, Any] = info["features"]
    observed = {key.removeprefix(OBSERVATION): value for key, value in features.items() if key.startswith(OBSERVATION)}
    rendered = observed.pop(RENDERED, None)
    if not observed or "action" not in features:
        raise DataError(f"{name} has the features {', '.join(features)}; it needs observation.* and action")
    choices = _part(_part(info, "rltools"), "choices")
    parts = {key: _space(key, feature, choices.get(OBSERVATION + key)) for key, feature in observed.items()}
    episodes = _episodes(folder)
    fps = float(info.get("fps") or 30)
    return Data(
        source=name,
        observation_space=_nested(parts, spaces.Dict),
        action_space=None,
        episodes=len(episodes["length"]),
        read=lambda number: _episode(folder, info, episodes, observed, rendered, choices, fps, number),
        bounded=False,
        names={key.replace(".", "/"): names for key, feature in observed.items() if (names := _names(feature))},
        notes=() if "next.reward" in features else ("the data set has no rewards: every return is shown as 0",),
        frames_per_second=fps,
    )


def _part(content: dict[str, Any], key: str) -> dict[str, Any]:
    """An object in another one; empty if there is none."""
    part = content.get(key)
    return part if isinstance(part, dict) else {}


def _folder(source: str) -> Path:
    """The folder of a data set.

    Raises:
        DataError: there is none.
    """
    home = os.environ.get("HF_LEROBOT_HOME") or Path.home() / ".cache" / "huggingface" / "lerobot"
    for folder in (Path(source), Path(home) / source):
        if (folder / "meta" / "info.json").is_file():
            return folder
    raise DataError(
        f"no data set {source}: there is neither {source}/meta/info.json nor one in {home}; download it with "
        f"huggingface_hub.snapshot_download({source!r}, repo_type='dataset'), and name its folder"
    )


def _names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a feature's elements: a list, or, in older files, a list by the part that they are of."""
    names = feature.get("names")
    if isinstance(names, dict):
        names = [name for part in names.values() if isinstance(part, list) for name in part]
    fits = isinstance(names, list) and len(names) == prod(feature.get("shape", ()))
    return tuple(map(str, names)) if fits and isinstance(names, list) else ()


def _space(key: str, feature: Any, choice: Any) -> spaces.Space[Any]:
    """The space of one feature, without bounds.

    Raises:
        DataError: its description is none of LeRobot.
    """
    try:
        dtype, shape = str(feature["dtype"]), tuple(map(int, feature["shape"]))
        if choice is not None:
            sizes, starts = list(map(int, choice["sizes"])), list(map(int, choice["starts"]))
            if not choice["shape"]:
                return spaces.Discrete(sizes[0], start=starts[0])
            of_shape = [np.reshape(part, choice["shape"]) for part in (sizes, starts)]
            return spaces.MultiDiscrete(of_shape[0], start=of_shape[1], dtype=np.dtype(dtype).type)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the feature observation.{key} is described as {feature!r:.100}: {error}") from None
    if min(shape, default=1) < 1 or prod(shape) > MOST_ELEMENTS:
        raise DataError(f"the feature observation.{key} has shape {list(shape)}; that is no observation")
    if dtype == "string":
        return spaces.Text(1 << 12)
    if dtype in ("image", "video"):
        return spaces.Box(0, 255, shape, np.uint8)
    if dtype not in _NUMBERS:
        raise DataError(f"the feature observation.{key} has dtype {dtype!r}; numbers, images and strings are read")
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return spaces.Box(-np.inf, np.inf, shape, kind.type)
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return spaces.Box(low, high, shape, np.int8 if kind.kind == "b" else kind.type)


def _nested(parts: Mapping[str, Any], make: Any) -> Any:
    """The Dict that dotted keys describe: `images.top` is `top` in `images`."""
    tree: dict[str, Any] = {}
    for key, value in parts.items():
        *outer, last = key.split(".")
        branch = tree
        for name in outer:
            branch = branch.setdefault(name, {})
        branch[last] = value

    def made(branch: dict[str, Any]) -> Any:
        return make({key: made(part) if type(part) is dict else part for key, part in branch.items()})

    return made(tree)


def _episodes(folder: Path) -> dict[str, list[Any]]:
    """The columns of the table of episodes, in order: where each is, and how long."""
    columns: dict[str, list[Any]] = {}
    for path in sorted((folder / "meta" / "episodes").glob("*/*.parquet")):
        file = pq.ParquetFile(path)
        needed = [name for name in file.schema_arrow.names if name in _PLACES or name.startswith("videos/")]
        for name, values in file.read(columns=needed).to_pydict().items():
            columns.setdefault(name, []).extend(values)
    if missing := [name for name in _PLACES if name not in columns]:
        raise DataError(f"{folder}/meta/episodes has no column {missing[0]}; it is not that of LeRobot v3")
    return columns


def _inside(folder: Path, pattern: Any, **values: Any) -> Path:
    """A path in the data set, from its pattern such as `data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet`.

    Raises:
        DataError: it would lead out of the folder.
    """

    def written(match: re.Match[str]) -> str:
        value = values[match[1]]
        return f"{value:0{match[2] or 1}d}" if isinstance(value, int) else str(value)

    path = PurePosixPath(_FIELD.sub(written, str(pattern)))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{folder} names a file outside of itself, {str(path)!r:.100}; it is not read")
    return folder / path


def _episode(
    folder: Path,
    info: dict[str, Any],
    episodes: Mapping[str, list[Any]],
    observed: Mapping[str, Any],
    rendered: Any,
    choices: Mapping[str, Any],
    fps: float,
    number: int,
) -> DataEpisode:
    """Read one episode."""
    chunk, file = (int(episodes[name][number]) for name in _PLACES[:2])
    path = _inside(folder, info["data_path"], chunk_index=chunk, file_index=file)
    features = info["features"]
    wanted = [*(OBSERVATION + key for key in (*observed, RENDERED)), "action", "next.reward", "next.done"]
    wanted += ["next.terminated", "next.truncated", "action_mask", "frame_index"]
    stored = set(pq.read_schema(path).names)
    columns = [name for name in wanted if name in stored]
    table = pq.read_table(path, columns=columns, filters=[("episode_index", "=", number)]).combine_chunks()
    length = int(episodes["length"][number])
    if table.num_rows != length:
        raise DataError(f"{path} has {table.num_rows} steps of episode {number}, and {length} are listed")

    def column(name: str) -> np.ndarray | None:
        if name not in stored:
            return None
        return _numbers(table[name], tuple(features.get(name, {}).get("shape", (1,))), name)

    def array(key: str, feature: Any) -> Any:
        dtype, name = feature["dtype"], OBSERVATION + key
        if dtype == "video":
            return _Video(folder, info, episodes, name, number, fps, length)
        if dtype == "image":
            return _Pictures(table[name])
        if dtype == "string":
            return np.array(table[name].to_pylist(), dtype=object)
        values, choice = column(name), choices.get(name)
        return values if choice is None or values is None else values.reshape(length, *choice["shape"])

    arrays = {key: array(key, feature) for key, feature in observed.items()}
    images = [array(RENDERED, rendered)] if rendered is not None else arrays.values()
    pictures = next((part for part in images if isinstance(part, _Video | _Pictures)), None)
    actions, done = column("action"), column("next.done")
    terminated, truncated = column("next.terminated"), column("next.truncated")
    nothing = np.zeros(length, bool)
    if terminated is None:
        terminated = done if done is not None else nothing
    return DataEpisode(
        observations=_nested(arrays, dict),
        actions=np.zeros(0) if actions is None else actions,
        rewards=column("next.reward"),
        terminated=terminated.reshape(length),
        truncated=nothing if truncated is None else truncated.reshape(length),
        masks=column("action_mask"),
        frames=None if pictures is None else pictures.frames,
    )


def _numbers(column: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    """A column of numbers, or of lists of numbers, as an array `[step, *shape]`; one number per step is `[step]`.

    Raises:
        DataError: it holds something else, or lists of other lengths.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    rows = len(array)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        array = array.flatten()
    if array.null_count:
        raise DataError(f"{name} has {array.null_count} empty values; clean the data set")
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)):
        raise DataError(f"{name} holds {array.type}, and numbers are read")
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    if values.size != rows * prod(shape):
        raise DataError(f"{name} has {values.size} values in {rows} steps, and its shape is {list(shape)}")
    return values.reshape(rows) if shape == (1,) and len(values) == rows else values.reshape(rows, *shape)


class _Pictures:
    """Encoded images in a column, decoded when they are needed: an array only to `np.asarray`."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def frames(self) -> Iterator[np.ndarray]:
        from PIL import Image

        for entry in self._column:
            content = entry["bytes"].as_py()
            if content is None:
                raise DataError("an image is kept in a file of its own; embed the images in the data set")
            yield np.asarray(Image.open(BytesIO(content)).convert("RGB"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.stack(list(self.frames()))


class _Video:
    """The part of a video that belongs to an episode, decoded when it is needed."""

    def __init__(
        self,
        folder: Path,
        info: Mapping[str, Any],
        episodes: Mapping[str, list[Any]],
        key: str,
        number: int,
        fps: float,
        length: int,
    ) -> None:
        chunk, file = (int(episodes[f"videos/{key}/{name}_index"][number]) for name in ("chunk", "file"))
        self._path = _inside(folder, info["video_path"], video_key=key, chunk_index=chunk, file_index=file)
        self._start = float(episodes[f"videos/{key}/from_timestamp"][number])
        self._fps, self._length = fps, length

    def __len__(self) -> int:
        return self._length

    def frames(self) -> Iterator[np.ndarray]:
        av = required("av", "video")
        left, half = self._length, 0.5 / self._fps
        with av.open(str(self._path)) as container:
            stream = container.streams.video[0]
            container.seek(int(max(0.0, self._start) / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.time is not None and frame.time >= self._start - half:
                    yield frame.to_ndarray(format="rgb24")
                    left -= 1
                if left == 0:
                    return

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.stack(list(self.frames()))
