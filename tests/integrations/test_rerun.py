"""Rerun: the file that its viewer opens, read back by its own reader; `make interchange` runs this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.recording import Recording

pytest.importorskip("rerun")


def series(path: Path) -> dict[str, dict[str, Any]]:
    """The columns of each entity of a file, those that are static apart."""
    from rerun.chunk import RrdReader

    columns: dict[str, dict[str, Any]] = {}
    for chunk in RrdReader(path).stream():
        batch = chunk.to_record_batch()
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            columns.setdefault(str(chunk.entity_path), {}).setdefault(name, []).extend(column.to_pylist())
    return columns


def test_everything_is_on_one_timeline(recording: Recording, stores: Path) -> None:
    rltools.export(recording, "rerun", stores / "poles.rrd")
    columns = series(stores / "poles.rrd")
    for number in recording.numbers:
        episode, root = recording.episode(number), f"/episode_{number:06d}"
        stored = {name: columns[f"{root}/{name}"] for name in ("observation", "score", "reward")}
        np.testing.assert_allclose(stored["observation"]["Scalars:scalars"], episode.states)
        np.testing.assert_allclose(stored["score"]["Scalars:scalars"], episode.scores)
        np.testing.assert_allclose(np.ravel(stored["reward"]["Scalars:scalars"]), episode.rewards)
        assert all(each["step"] == list(range(len(episode))) for each in stored.values())
        assert stored["observation"]["SeriesLines:names"] == [list(recording.features.names)]
        attribution = recording.attribution("gradient", episodes=[number])
        for position, label in enumerate(("logit_push_left", "logit_push_right")):
            entity = columns[f"{root}/attribution/gradient/{label}"]
            np.testing.assert_allclose(entity["Scalars:scalars"], attribution.values[:, position])
            assert entity["step"] == list(range(len(episode)))


def test_frames_and_images(image_policy: Any, stores: Path) -> None:
    policy, env = image_policy
    recorded = rltools.explain(
        rltools.record(policy, env, episodes=1, max_steps=3, frames=True), policy, method="gradient"
    )
    rltools.export(recorded, "rerun", stores / "images.rrd")
    columns = series(stores / "images.rrd")
    assert len(columns["/episode_000000/frame"]["EncodedImage:blob"]) == 3
    assert len(columns["/episode_000000/observation"]["EncodedImage:blob"]) == 3
    (label,) = [name for name in columns if name.endswith("/map")]
    assert label.startswith("/episode_000000/attribution/gradient/")
    assert columns[label]["step"] == [0, 1, 2]
