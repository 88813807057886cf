"""Reads the run folders of rl-baselines3-zoo.

On disk a run is `<algo>/<Env>_1/<Env>.zip`, with `<Env>/args.yml`, `config.yml` and `vecnormalize.pkl` in it, and
perhaps `best_model.zip` and checkpoints `rl_model_<steps>_steps.zip`. On a model hub all files are in one folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file, is_folder, path_exists
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.sb3.zoo._yaml import read_zoo_yaml
from rltools.policies.untrusted.messages import printable

_RUN = re.compile(r"(?P<name>.+)_\d+")
CHECKPOINT = re.compile(r"(?P<prefix>.+)_(?P<steps>\d+)_steps")


@dataclass(frozen=True)
class ZooRecord:
    """How the model in a zoo's folder was trained.

    Attributes:
        folder: of its .yml files.
        environment: the id of its environment.
        kwargs: arguments of the environment.
        wrappers: wrappers of the environment: names with their arguments.
        frame_stack: how many observations the network's input stacks; 1 for the current one alone.
        normalized: whether it was trained on normalized observations.
        unknown: other changes of the environment, in words; they are not made.
    """

    folder: Path
    environment: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: tuple[tuple[str, dict[str, Any]], ...] = ()
    frame_stack: int = 1
    normalized: bool = False
    unknown: tuple[str, ...] = ()


def models_in(folder: Path) -> tuple[Path, ...]:
    """The models of a run folder `<Env>_1`, the default one first; none for any other folder.

    The order is the model at the end of training, as in the zoo's `enjoy`, the best one, and checkpoints, latest first.
    """
    run = _RUN.fullmatch(folder.absolute().name)
    if run is None or not is_folder(folder):
        return ()
    checkpoints = [path for path in folder.glob("*_steps.zip") if CHECKPOINT.fullmatch(path.stem)]
    candidates = [folder / f"{run['name']}.zip", folder / "best_model.zip", *sorted(checkpoints, key=_steps)]
    return tuple(path for path in candidates if is_file(path))


def model_in(folder: Path) -> Path | None:
    """The default model of a run folder `<Env>_1`; None for any other folder."""
    return next(iter(models_in(folder)), None)


def other_models_note(model: Path) -> tuple[str, ...]:
    """The caveat, if any, that a run folder holds more models than the one loaded."""
    others = [path.name for path in models_in(model.parent) if path != model]
    if not others:
        return ()
    listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return (f"this is {model.name}; {model.parent.name} also holds {listed}; load them by their paths",)


def read_record(model: Path) -> ZooRecord | None:
    """How a model was trained, by the files beside it; None if it is not in a zoo's folder.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: a file that would run code or exhaust the machine.
    """
    run = _RUN.fullmatch(model.absolute().parent.name)
    folder, name = model.parent, model.stem.partition("-")[2]
    if run is not None and is_beside(folder / run["name"] / "config.yml"):
        folder, name = folder / run["name"], run["name"]
    elif not (is_beside(folder / "config.yml") and is_beside(folder / "args.yml")):
        return None
    config, args, arguments = (
        {} if not is_beside(path) else read_zoo_yaml(inside(path, model)) for path in _files(folder)
    )
    environment = args.get("env", name)
    if not isinstance(environment, str):
        raise ModelError(
            f"{folder / 'args.yml'}: env is {printable(environment)}; it must be the id of an environment. Fix it, or "
            f"move the model out of this folder"
        )
    unknown = [f"{key} {printable(config[key])}" for key in ("vec_env_wrapper",) if config.get(key)]
    kwargs: dict[str, Any] = {}
    for source in (config.get("env_kwargs"), args.get("env_kwargs"), arguments):
        if isinstance(source, dict) and all(isinstance(key, str) for key in source):
            kwargs.update(source)
        elif source:
            unknown.append(f"the arguments {printable(source)}")
    frames = config.get("frame_stack") or 1
    if type(frames) is not int or not 1 <= frames <= 1000:
        unknown.append(f"frame_stack {printable(frames)}")
        frames = 1
    wrappers = tuple(_wrappers(config.get("env_wrapper")))
    return ZooRecord(
        folder, environment, kwargs, wrappers, frames, _normalized(config.get("normalize")), tuple(unknown)
    )


def _files(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "config.yml", folder / "args.yml", folder / "env_kwargs.yml"


def _steps(path: Path) -> int:
    return -int(path.stem.split("_")[-2])


def _wrappers(setting: Any) -> list[tuple[str, dict[str, Any]]]:
    entries = setting if isinstance(setting, list) else [setting] if setting else []
    pairs = [pair for entry in entries for pair in (entry.items() if isinstance(entry, dict) else [(entry, None)])]
    return [(str(name), kwargs if isinstance(kwargs, dict) else {}) for name, kwargs in pairs]


def _normalized(setting: Any) -> bool:
    # A flag, or the source code of a dict, which is searched and never evaluated.
    if isinstance(setting, dict):
        return setting.get("norm_obs", True) is not False
    return bool(setting) and not re.search(r"norm_obs\W{1,4}False", str(setting))


def is_beside(path: Path) -> bool:
    """Whether a path exists and is not a folder; pipes, devices and links count, so that they are refused later."""
    return path_exists(path) and (not is_folder(path) or path.is_symlink())


def inside(path: Path, model: Path) -> Path:
    """A path beside a model, if it is not a link out of its folder.

    Raises:
        UnsafeFileError: it is such a link.
    """
    folder = model.parent
    # A hub's cache keeps files in `blobs` and links to them in `snapshots/<revision>`.
    allowed = (folder, folder.parent.parent / "blobs") if folder.parent.name == "snapshots" else (folder,)
    target = Path(os.path.realpath(path))  # also resolves cyclic links
    if not any(target.is_relative_to(os.path.realpath(root)) for root in allowed):
        raise UnsafeFileError(
            f"{path} is a link to {target}, away from the model it lies beside; not read. Put the file itself there"
        )
    return path


_NAMES = ("vecnormalize.pkl", "vec_normalize.pkl")  # the second on a hub


def find_statistics(model: Path, record: ZooRecord | None) -> Path | None:
    """The file of the VecNormalize statistics of a model: a checkpoint's own, else those of its run.

    Raises:
        UnsafeFileError: a link out of the model's folder.
    """
    run = () if record is None else (record.folder,)
    folders = (*run, model.parent / model.stem, model.parent)
    candidates = [folder / name for folder in folders for name in _NAMES]
    if checkpoint := CHECKPOINT.fullmatch(model.stem):
        own = f"{checkpoint['prefix']}_vecnormalize_{checkpoint['steps']}_steps.pkl"
        candidates = [model.parent / own, *candidates]
    path = next((path for path in candidates if is_beside(path)), None)
    return None if path is None else inside(path, model)


def later_statistics_note(statistics: Path, model: Path) -> tuple[str, ...]:
    """The caveat, if any, that statistics are from a later time than the model."""
    checkpoint = CHECKPOINT.fullmatch(model.stem)
    own = checkpoint is not None and checkpoint["steps"] in statistics.name
    if own or not (checkpoint or model.stem == "best_model"):
        return ()
    return (f"{statistics.name} is from the end of training, and {model.name} from an earlier time",)
