"""Minari: data sets of episodes for offline reinforcement learning, in HDF5, Arrow or Parquet.

Observations, actions and rewards are stored as Minari stores them; what rltools knows beside them is in `infos`:
`score`, `action_mask` and `attribution_<name>`, each with a row for every observation, NaN where there is none. Images
are stored as they are: Minari's own default is JPEG, which changes them. Reading never makes the environment that a
data set names, and takes nothing but numbers and texts from its files.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.text import did_you_mean, plural
from rltools.envs import spec_from_json
from rltools.errors import ArgumentError, DataError, RltoolsError
from rltools.integrations._data import Data, DataEpisode
from rltools.integrations._formats import appearing_whole, exporter, importer, required
from rltools.integrations._recorded import (
    all_observations,
    attribution_columns,
    description,
    recorded_spaces,
    with_final_observation,
)
from rltools.policies.env_info import inspect_env
from rltools.recording import Recording
from rltools.spaces.leaves import leaves

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.recording import Episode

EXTRA = "minari"
PREFIX = "minari:"
KEY = "rltools"
"""The key of the metadata of a data set that describes its attributions."""
_ENVIRONMENT = re.compile(r"(?:[\w-]+/)?[\w.-]+")


def _default_id(recording: Recording) -> str:
    name = re.sub(r"[^\w-]+", "-", recording.directory.absolute().name).strip("-") or "recording"
    return f"rltools/{name}-v0"


@exporter("a Minari data set", place="the id of the data set", extra=EXTRA, default=_default_id)
def write(
    recording: Recording, out: str, *, overwrite: bool = False, data_format: str = "hdf5", jpeg: bool = False
) -> str:
    """Write a recording as a data set in Minari's folder of data sets (`MINARI_DATASETS_PATH`).

    Args:
        recording: the recording.
        out: the id of the data set, for instance "cartpole/ppo-v0".
        overwrite: replace a data set of this id.
        data_format: "hdf5", "arrow" or "parquet".
        jpeg: let Minari store images as JPEG: smaller, and no longer the same.

    Returns:
        The source from which `rltools.import_data` reads it, for instance "minari:cartpole/ppo-v0".

    Raises:
        ArgumentError: the id or the format is none of Minari, or Minari is not installed.
        ConflictError: there is a data set of this id.

    Example:
        >>> import minari, rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=40), policy, method="gradient")
        >>> rltools.export(recording, "minari", "poles/ppo-v0")
        'minari:poles/ppo-v0'
        >>> episode = minari.load_dataset("poles/ppo-v0")[0]
        >>> episode.observations.shape, episode.infos["attribution_gradient"].shape
        ((41, 4), (41, 1, 4))
    """
    library = required("minari", EXTRA)
    storage_class = required("minari.dataset.minari_storage", EXTRA).MinariStorage
    namespace = _checked_id(out)[0]
    if data_format not in ("hdf5", "arrow", "parquet"):
        raise ArgumentError(f"data_format is {data_format!r}; Minari has hdf5, arrow and parquet")
    if data_format == "hdf5":
        required("h5py", EXTRA)
    if namespace is not None and namespace not in library.namespace.list_local_namespaces():
        library.namespace.create_namespace(namespace)
    observed, acted = _spaces(recording)
    spec = _env_spec(recording)
    with appearing_whole(_folder(out), overwrite=overwrite) as folder:
        folder.mkdir()
        data = folder / "data"
        storage = storage_class.new(data, observed, acted, spec, data_format=data_format, jpeg_encoding=jpeg)
        storage.update_metadata(
            {
                "dataset_id": out,
                "minari_version": library.__version__,
                "algorithm_name": recording.header.policy,
                "description": f"{plural(len(recording), 'episode')} of {recording.header.policy}, with attributions",
                KEY: description(recording),
            }
        )
        for recorded in recording:
            if (episode := with_final_observation(recorded)) is not None and len(episode):
                storage.update_episodes([_buffer(recording, episode)])
    return f"{PREFIX}{out}"


def _buffer(recording: Recording, episode: Episode) -> Any:
    """An episode as Minari takes it."""
    buffer_class = required("minari.data_collector.episode_buffer", EXTRA).EpisodeBuffer
    steps = len(episode)
    infos = {"score": _with_last(episode.scores)}
    if episode.masks is not None:
        infos["action_mask"] = _with_last(episode.masks)
    for name, values in attribution_columns(recording, episode.outcome.number).items():
        infos[f"attribution_{name}"] = _with_last(values[:steps])
    return buffer_class(
        seed=None if episode.outcome.seed < 0 else episode.outcome.seed,
        observations=all_observations(episode),
        actions=episode.actions,
        rewards=episode.rewards,
        terminations=episode.terminated,
        truncations=episode.truncated,
        infos=infos,
    )


def _with_last(values: np.ndarray) -> np.ndarray:
    """A row more, for the observation after the last action, as Minari's infos have it."""
    last = np.full_like(values[:1], np.nan if values.dtype.kind == "f" else 0)
    return np.concatenate([values, last])


def _env_spec(recording: Recording) -> Any:
    """The specification of the recorded environment; None if Minari could not write it."""
    with suppress(RltoolsError, TypeError):
        spec = spec_from_json(recording.header.environment) if recording.header.environment else None
        if spec is not None:
            spec.to_json()
        return spec
    return None


def _spaces(recording: Recording) -> tuple[Space[Any], Space[Any]]:
    """The spaces of the recorded environment, if it can be made; else spaces without bounds."""
    observed, acted = recorded_spaces(recording)
    if recording.header.environment:
        with suppress(RltoolsError):
            info = inspect_env(spec_from_json(recording.header.environment), names=False)
            if leaves(info.observation_space) == leaves(observed):
                return info.observation_space, info.action_space
    return observed, acted


@importer("a local Minari data set", place="the id of a local data set", extra=EXTRA)
def read(source: str) -> Data:
    """Open a data set of Minari's folder of data sets; download one before with `minari download ID`.

    Args:
        source: its id, for instance "cartpole/expert-v0".

    Raises:
        ArgumentError: Minari is not installed.
        DataError: there is no such data set, another version of Minari wrote it, or it does not describe its spaces.
    """
    library = required("minari", EXTRA)
    storage_class = required("minari.dataset.minari_storage", EXTRA).MinariStorage
    deserialize = required("minari.serialization", EXTRA).deserialize_space
    try:
        _checked_id(source)
    except ArgumentError as error:
        raise DataError(str(error)) from None
    folder = _folder(source) / "data"
    if not (folder / "metadata.json").is_file():
        raise DataError(_missing(library, source))
    metadata = storage_class.read_raw_metadata(folder)
    version, supported = str(metadata.get("minari_version")), library.supported_dataset_versions
    if version not in supported:
        raise DataError(
            f"{PREFIX}{source} was written by Minari {version}, and the installed Minari {library.__version__} reads "
            f"{min(supported)} to {max(supported)}; another Minari reads it, or make it again"
        )
    texts = [metadata.get(name) for name in ("observation_space", "action_space")]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"{PREFIX}{source} does not describe its spaces, and its environment is not made to learn them; make it "
            f"again with create_dataset_from_buffers(..., observation_space=..., action_space=...)"
        )
    observed, acted = (deserialize(text) for text in texts)
    if metadata.get("data_format") == "hdf5":
        required("h5py", EXTRA)
    storages = required("minari.dataset._storages", EXTRA)
    lossy = bool(metadata.get("jpeg_encoding", True))
    storage = storages.get_minari_storage(str(metadata["data_format"]))(folder, observed, acted, jpeg_encoding=lossy)
    images = lossy and any(leaf.dtype == "uint8" and len(leaf.shape) > 1 for leaf in leaves(observed))
    notes = ("its images were stored as JPEG, which changes pixels",) if images else ()
    return Data(
        source=f"{PREFIX}{source}",
        observation_space=observed,
        action_space=acted,
        episodes=int(metadata["total_episodes"]),
        read=_reader(storage, folder, str(metadata["data_format"])),
        environment=_environment_id(metadata.get("env_spec")),
        names=_names(metadata.get(KEY)),
        notes=notes,
    )


def _checked_id(name: str) -> tuple[str | None, str, int]:
    """Namespace, name and version of an id.

    Raises:
        ArgumentError: it is no id.
    """
    try:
        parts: tuple[str | None, str, int] = required("minari.dataset.minari_dataset", EXTRA).parse_dataset_id(name)
    except (ValueError, TypeError):
        raise ArgumentError(
            f"{name!r:.100} is no id of a Minari data set; it has the form namespace/name-v0, of letters, digits, "
            f"'_' and '-', for instance cartpole/expert-v0"
        ) from None
    return parts


def _folder(name: str) -> Path:
    path: Path = required("minari.storage.datasets_root_dir", EXTRA).get_dataset_path(name)
    return path


def _missing(library: Any, name: str) -> str:
    """The message for a data set that is not there, with the nearest names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other data sets
        local = [*library.list_local_datasets()]
    hint = did_you_mean(name, local) if local else "there are none"
    stop = "" if hint.endswith("?") else "."
    return f"no data set {name} in {_folder('')}; {hint}{stop} `minari download {name}` fetches one that Minari hosts"


def _environment_id(spec: Any) -> str:
    """The id in a specification, which is not made; "" if there is none."""
    try:
        name = json.loads(spec)["id"]
    except (ValueError, TypeError, KeyError):
        return ""
    return name if isinstance(name, str) and _ENVIRONMENT.fullmatch(name) else ""


def _names(described: Any) -> dict[str, tuple[str, ...]]:
    """The names of features that an export by rltools describes; none if it is not, or edited."""
    names = described.get("names") if isinstance(described, dict) else None
    if not isinstance(names, dict):
        return {}
    return {str(leaf): tuple(map(str, parts)) for leaf, parts in names.items() if isinstance(parts, list)}


def _reader(storage: Any, folder: Path, data_format: str) -> Callable[[int], DataEpisode]:
    def read_episode(number: int) -> DataEpisode:
        if data_format == "hdf5":
            _check_hdf5(folder / "main_data.hdf5", number)
        episode = next(iter(storage.get_episodes([number])))
        seed = next(iter(storage.get_episode_metadata([number]))).get("seed")
        infos = episode["infos"] or {}
        return DataEpisode(
            observations=episode["observations"],
            actions=np.asarray(episode["actions"]),
            rewards=np.asarray(episode["rewards"]),
            terminated=np.asarray(episode["terminations"]),
            truncated=np.asarray(episode["truncations"]),
            seed=int(seed) if isinstance(seed, int | np.integer) else -1,
            masks=np.asarray(infos["action_mask"]) if "action_mask" in infos else None,
        )

    return read_episode


MOST_BYTES = 1 << 33
"""The largest array of an episode: a file of few bytes can declare one that fills any memory."""


def _check_hdf5(path: Path, number: int) -> None:
    """Refuse what leads out of a file of HDF5, and everything in an episode that is neither numbers nor texts.

    Raises:
        DataError: there is such an entry; the message names it.
    """
    h5py = required("h5py", EXTRA)

    def led_out(name: str, link: Any) -> str | None:
        hard = isinstance(link, h5py.HardLink)
        return None if hard else f"{name} is a link to elsewhere; only data in the file itself is read"

    def unreadable(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual:
            return f"{name} is kept in another file; only data in the file itself is read"
        of_bytes = h5py.check_vlen_dtype(item.dtype) == np.uint8  # images as JPEG
        if item.dtype.kind not in "biufSU" and not h5py.check_string_dtype(item.dtype) and not of_bytes:
            return f"{name} holds {item.dtype}, and only numbers and texts are read"
        if item.size * item.dtype.itemsize > MOST_BYTES:
            return f"{name} declares {item.size:,} elements, more than {MOST_BYTES >> 30} GiB"
        return None

    with h5py.File(path, "r") as file:
        name = f"episode_{number}"
        link = file.get(name, getlink=True)
        if link is None:
            raise DataError(f"{path} has no {name}, which its metadata count; download or make the data set again")
        fault = led_out(name, link) or file[name].visititems_links(led_out) or file[name].visititems(unreadable)
        if fault:  # a function that raises while HDF5 visits entries would be an error of HDF5
            raise DataError(f"{path}: {fault}")
