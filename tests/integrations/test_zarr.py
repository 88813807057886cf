"""Zarr: the store is the Dataset of the recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.recording import Recording

pytest.importorskip("zarr")
xarray = pytest.importorskip("xarray")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_store_is_the_dataset(recording: Recording, stores: Path, zarr_format: int) -> None:
    rltools.export(recording, "zarr", stores / "poles.zarr", zarr_format=zarr_format)
    assert recording.to_xarray().identical(xarray.open_zarr(stores / "poles.zarr", consolidated=None).load())


def test_images_keep_their_shape(image_policy: Any, stores: Path) -> None:
    policy, env = image_policy
    recorded = rltools.explain(rltools.record(policy, env, episodes=1, max_steps=3), policy, method="gradient")
    rltools.export(recorded, "zarr", stores / "images.zarr")
    dataset = xarray.open_zarr(stores / "images.zarr")
    assert dict(dataset["attribution_gradient"].sizes) == {"step": 3, "target": 1, "y": 32, "x": 32, "channel": 3}
    assert recorded.to_xarray().identical(dataset.load())
