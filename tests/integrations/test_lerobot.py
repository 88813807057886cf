"""LeRobot: the documented layout of version 3, written and read without its library."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from PIL import Image
from same_episodes import assert_same_episodes

import rltools
from rltools.errors import DataError
from rltools.recording import Recording


def info_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "meta" / "info.json").read_text("utf-8"))
    return content


def test_a_recording_comes_back_as_it_was(recording: Recording, cartpole: Any, stores: Path) -> None:
    rltools.export(recording, "lerobot", "out", fps=50, task="balance")
    info, steps = info_of(stores / "out"), sum(outcome.steps for outcome in recording.outcomes())
    assert {key: info[key] for key in ("codebase_version", "total_episodes", "total_frames", "fps")} == {
        "codebase_version": "v3.0",
        "total_episodes": 2,
        "total_frames": steps,
        "fps": 50,
    }
    named = info["features"]["observation.state"]
    assert named == {"dtype": "float32", "shape": [4], "names": list(recording.features.names)}
    assert info["features"]["attribution.gradient"]["shape"] == [2, 4]
    table = pq.read_table(stores / "out" / "data" / "chunk-000" / "file-000.parquet")
    assert set(table.column_names) == set(info["features"])
    assert table["index"].to_pylist() == list(range(steps))
    np.testing.assert_allclose(table["timestamp"].to_numpy()[:3], [0, 0.02, 0.04], rtol=1e-6)
    values = recording.attribution("gradient").values
    np.testing.assert_array_equal(np.array(table["attribution.gradient"].to_pylist(), np.float32), values)
    assert pd.read_parquet(stores / "out" / "meta" / "tasks.parquet").to_dict() == {"task_index": {"balance": 0}}
    stats = json.loads((stores / "out" / "meta" / "stats.json").read_text())
    observed = np.concatenate([episode.observations for episode in recording]).astype(float)
    np.testing.assert_allclose(stats["observation.state"]["mean"], observed.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(stats["observation.state"]["std"], observed.std(axis=0), rtol=1e-4)

    read = rltools.import_data("lerobot:out", cartpole)
    assert_same_episodes(recording, read)
    again = rltools.explain(read, cartpole, method="gradient", target="logit:all")
    np.testing.assert_array_equal(again.attribution().values, values)


def test_frames_come_along(make_env: Any, make_policy: Any, stores: Path) -> None:
    policy = make_policy(make_env())
    recorded = rltools.record(policy, make_env(), episodes=2, frames=True)
    rltools.export(recorded, "lerobot", "out")
    assert info_of(stores / "out")["features"]["observation.images.render"]["shape"] == [20, 30, 3]
    assert info_of(stores / "out")["fps"] == 20
    read = rltools.import_data("lerobot:out", policy, frames=[1])
    assert_same_episodes(recorded, read)
    assert read.frames(0) is None
    assert len(read.frames(1) or []) == recorded.outcome(1).steps
    assert rltools.import_data("lerobot:out", policy).frames(1) is None


class Room(gymnasium.Env[Any, Any]):
    """Observes numbers, a choice and an image, and acts by two numbers."""

    observation_space = Dict(
        arm=Box(-1, 1, (2,), np.float64), camera=Box(0, 255, (4, 5, 3), np.uint8), gear=Discrete(3, start=1)
    )
    action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), float(action.sum()), False, False, {}


@pytest.fixture
def room_policy() -> Any:
    import torch

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(2 + 60 + 3, 2)

        def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
            rows = [part.flatten(1).float() for part in observations.values()]
            return torch.tanh(self.linear(torch.cat(rows, dim=1)))

    torch.manual_seed(0)
    return rltools.TorchPolicy(Joined(), Room.observation_space, Room.action_space, name="arm")


@pytest.mark.parametrize("kind", ["lerobot", "minari"])
def test_numbers_choices_and_images_of_a_dict(kind: str, room_policy: Any, stores: Path) -> None:
    recorded = rltools.record(room_policy, Room, episodes=2, max_steps=3)
    place = "room/arm-v0" if kind == "minari" else str(stores / "out")
    rltools.export(recorded, kind, place)
    read = rltools.import_data(f"{kind}:{place}", room_policy)
    assert_same_episodes(recorded, read)
    for leaf in ("arm", "camera", "gear"):
        mine, theirs = (each.episode(1).observations[leaf] for each in (recorded, read))
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def write_data_set(folder: Path, *, video: Path | None = None, **changes: Any) -> None:
    """A data set as a robot's recorder writes it: no rewards, names in a dict, two files of data."""
    names = {"motors": ["shoulder", "elbow"]}
    features: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": [2], "names": names},
        "action": {"dtype": "float32", "shape": [2], "names": names},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
        "frame_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    columns: dict[str, list[Any]] = {"episode_index": [0, 1], "length": [3, 3], "data/chunk_index": [0, 0]}
    columns["data/file_index"] = [0, 1]
    if video is not None:
        features["observation.images.top"] = {"dtype": "video", "shape": [32, 48, 3], "names": None}
        key = "videos/observation.images.top"
        columns |= {f"{key}/chunk_index": [0, 0], f"{key}/file_index": [0, 0]}
        columns |= {f"{key}/from_timestamp": [0.0, 0.3], f"{key}/to_timestamp": [0.3, 0.6]}
    info = {
        "codebase_version": "v3.0",
        "fps": 10,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }
    (folder / "meta" / "episodes" / "chunk-000").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    (folder / "meta" / "info.json").write_text(json.dumps(info | changes))
    pq.write_table(pa.table(columns), folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    for episode in range(2):
        rows = np.arange(6, dtype=np.float32).reshape(3, 2) + 10 * episode
        arrays = {name: pa.array(list(rows), pa.list_(pa.float32())) for name in ("observation.state", "action")}
        arrays |= {"episode_index": pa.array([episode] * 3), "frame_index": pa.array([0, 1, 2])}
        pq.write_table(pa.table(arrays), folder / "data" / "chunk-000" / f"file-{episode:03d}.parquet")


@pytest.fixture
def robot(room_policy: Any) -> Any:
    """A policy with unnamed features, as most have."""
    import torch

    return rltools.TorchPolicy(torch.nn.Linear(2, 2), Box(-1, 1, (2,)), Box(-1, 1, (2,)), name="robot")


def test_a_data_set_of_a_robot_names_the_features(robot: Any, stores: Path) -> None:
    write_data_set(stores / "lerobot-home" / "lab" / "arm")
    read = rltools.explain(rltools.import_data("lerobot:lab/arm", robot), robot, method="gradient")
    assert read.features.names == ("shoulder", "elbow")
    assert {each.feature for each in rltools.summarize(read).top()} == {"shoulder", "elbow"}
    assert read.header.notes[-1] == "the data set has no rewards: every return is shown as 0"
    np.testing.assert_array_equal(read.episode(1).observations, [[10, 11], [12, 13], [14, 15]])
    assert read.outcome(1).ended == "limit"
    assert read.outcome(0).out_of_space == 2  # beyond what the policy was trained with, and so recorded as it is


def test_videos_become_frames(robot: Any, stores: Path) -> None:
    av = pytest.importorskip("av")
    write_data_set(stores / "arm", video=stores)
    path = stores / "arm" / "videos" / "observation.images.top" / "chunk-000" / "file-000.mp4"
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for step in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 40 * step, np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    read = rltools.import_data("lerobot:arm", robot, frames=True)
    for number in range(2):
        brightness = [np.asarray(Image.open(BytesIO(frame))).mean() for frame in read.frames(number) or []]
        np.testing.assert_allclose(brightness, [40 * (3 * number + step) for step in range(3)], atol=6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codebase_version": "v2.1"}, "has version v2.1, and v3 is read; LeRobot's own convert_dataset_v21_to_v30"),
        ({"features": {}}, "has the features ; it needs observation.* and action"),
        ({"features": []}, "lists no features"),
        ({"data_path": "../../{file_index}.parquet"}, "names a file outside of itself"),
        ({"data_path": "/etc/passwd"}, "names a file outside of itself"),
        ({"data_path": "{file_index.__class__}"}, "cannot be read (FileNotFoundError"),
    ],
)
def test_a_data_set_that_is_refused(robot: Any, stores: Path, changes: dict[str, Any], message: str) -> None:
    write_data_set(stores / "arm", **changes)
    with pytest.raises(DataError) as raised:
        rltools.import_data("lerobot:arm", robot)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_several_observations_of_one_shape_are_ambiguous(robot: Any, stores: Path) -> None:
    feature = {"dtype": "float32", "shape": [2], "names": None}
    features = {"observation.state": feature, "observation.goal": feature, "action": feature}
    write_data_set(stores / "arm", features=features)
    with pytest.raises(rltools.errors.MismatchError) as raised:
        rltools.import_data("lerobot:arm", robot)
    assert "robot observes one array of shape [2] (float32) and lerobot:arm has" in str(raised.value)
    assert "goal of shape [2] (float32)" in str(raised.value)
