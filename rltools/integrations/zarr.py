"""Zarr: the whole recording as one labeled Dataset on disk, which xarray, and any reader of Zarr, opens."""

from __future__ import annotations

import warnings
from pathlib import Path

from rltools.errors import ArgumentError
from rltools.integrations._formats import appearing_whole, exporter, required
from rltools.recording import Recording

EXTRA = "zarr"


@exporter(
    "a Zarr store, as xarray opens it",
    place="the path of the store",
    extra=EXTRA,
    default=lambda recording: str(recording.directory / "recording.zarr"),
)
def write(recording: Recording, out: str, *, overwrite: bool = False, zarr_format: int = 2) -> str:
    """Write the Dataset of `Recording.to_xarray` as a Zarr store; the two are the same when it is read again.

    Args:
        recording: the recording.
        out: the path of the store, a folder.
        overwrite: replace what is there.
        zarr_format: 2, which every reader of Zarr knows, or 3.

    Returns:
        The path.

    Raises:
        ArgumentError: there is no such format, or Zarr is not installed.
        ConflictError: there is something already.

    Example:
        >>> import rltools, xarray
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=40), policy, method="gradient")
        >>> store = rltools.export(recording, "zarr", "poles.zarr")
        >>> xarray.open_zarr(store)["attribution_gradient"].sizes["step"]
        80
    """
    required("zarr", EXTRA)
    if zarr_format not in (2, 3):
        raise ArgumentError(f"zarr_format is {zarr_format}; it must be 2 or 3")
    dataset = recording.to_xarray()
    with appearing_whole(Path(out), overwrite=overwrite) as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the third format does not specify yet
        dataset.to_zarr(store, zarr_format=zarr_format, mode="w-")
    return out
