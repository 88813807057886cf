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

from rltools.errors import ArgumentError
from rltools.integrations._data import Data
from rltools.integrations._formats import appearing_whole, exporter, importer
from rltools.integrations._lerobot_files import (
    DATA_PATH,
    FILE_BYTES,
    FILES_PER_CHUNK,
    Columns,
    write_episodes,
    write_steps,
)
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
_AXES = ["height", "width", "channels"]
_PLACES = ("timestamp", "frame_index", "episode_index", "index", "task_index")


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
        episodes = ((episode.outcome.number, _columns(recording, episode)) for episode in _episodes(recording))
        rows = write_steps(recording, episodes, features, folder, rate)
        write_episodes(rows, task, folder)
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
