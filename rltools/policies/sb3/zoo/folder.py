"""Folders as rl-baselines3-zoo writes them.

On disk a run is `<algo>/<Env>_1/<Env>.zip`, with `<Env>/args.yml`, `config.yml` and `vecnormalize.pkl` in it, and
perhaps `best_model.zip` and checkpoints `rl_model_<steps>_steps.zip`. On a model hub all of it lies in one folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file, is_folder, is_there
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.sb3.archive._pickle import shown
from rltools.policies.sb3.zoo._yaml import read_zoo_yaml

_RUN = re.compile(r"(?P<name>.+)_\d+")
CHECKPOINT = re.compile(r"(?P<prefix>.+)_(?P<steps>\d+)_steps")


@dataclass(frozen=True)
class ZooRecord:
    """What a zoo's folder says about the model in it.

    Attributes:
        folder: where its files are.
        environment: the id it was trained on.
        kwargs: arguments of the environment.
        wrappers: what the environment was wrapped in: names with their arguments.
        frame_stack: how many observations the network saw at once; 1 for the current one alone.
        normalized: whether it was trained on normalized observations.
        unknown: what else changes the environment, in words; nothing of it is done.
    """

    folder: Path
    environment: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: tuple[tuple[str, dict[str, Any]], ...] = ()
    frame_stack: int = 1
    normalized: bool = False
    unknown: tuple[str, ...] = ()


def models_in(folder: Path) -> tuple[Path, ...]:
    """The models of a run folder `<Env>_1`, the one it stands for first; none for any other folder.

    The model at the end of the training comes first, as `enjoy` of the zoo has it, then the best one, then checkpoints,
    latest first.
    """
    run = _RUN.fullmatch(folder.absolute().name)
    if run is None or not is_folder(folder):
        return ()
    checkpoints = [path for path in folder.glob("*_steps.zip") if CHECKPOINT.fullmatch(path.stem)]
    candidates = [folder / f"{run['name']}.zip", folder / "best_model.zip", *sorted(checkpoints, key=_steps)]
    return tuple(path for path in candidates if is_file(path))


def model_in(folder: Path) -> Path | None:
    """The model that a run folder `<Env>_1` stands for; None for any other folder."""
    return next(iter(models_in(folder)), None)


def other_models_note(model: Path) -> tuple[str, ...]:
    """The caveat, or none, that a run folder holds more models than the one it stands for."""
    others = [path.name for path in models_in(model.parent) if path != model]
    if not others:
        return ()
    listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return (f"this is {model.name}; {model.parent.name} also holds {listed}, to be had by their paths",)


def read_record(model: Path) -> ZooRecord | None:
    """What the zoo says about a model; None where it lies in no folder of a zoo.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: a file that wants to run code, or to exhaust the machine.
    """
    run = _RUN.fullmatch(model.absolute().parent.name)
    folder, name = model.parent, model.stem.partition("-")[2]
    if run is not None and is_beside(folder / run["name"] / "config.yml"):
        folder, name = folder / run["name"], run["name"]
    elif not (is_beside(folder / "config.yml") and is_beside(folder / "args.yml")):
        return None
    config, args, given = ({} if not is_beside(path) else read_zoo_yaml(inside(path, model)) for path in _files(folder))
    environment = args.get("env", name)
    if not isinstance(environment, str):
        raise ModelError(
            f"{folder / 'args.yml'}: env is {shown(environment)}; it must be the id of an environment. Mend it, or "
            f"move the model out of this folder"
        )
    unknown = [f"{key} {shown(config[key])}" for key in ("vec_env_wrapper",) if config.get(key)]
    kwargs: dict[str, Any] = {}
    for said in (config.get("env_kwargs"), args.get("env_kwargs"), given):
        if isinstance(said, dict) and all(isinstance(key, str) for key in said):
            kwargs.update(said)
        elif said:
            unknown.append(f"the arguments {shown(said)}")
    stacked = config.get("frame_stack") or 1
    if type(stacked) is not int or not 1 <= stacked <= 1000:
        unknown.append(f"frame_stack {shown(stacked)}")
        stacked = 1
    wrappers = tuple(_wrappers(config.get("env_wrapper")))
    return ZooRecord(
        folder, environment, kwargs, wrappers, stacked, _normalized(config.get("normalize")), tuple(unknown)
    )


def _files(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "config.yml", folder / "args.yml", folder / "env_kwargs.yml"


def _steps(path: Path) -> int:
    return -int(path.stem.split("_")[-2])


def _wrappers(said: Any) -> list[tuple[str, dict[str, Any]]]:
    entries = said if isinstance(said, list) else [said] if said else []
    pairs = [pair for entry in entries for pair in (entry.items() if isinstance(entry, dict) else [(entry, None)])]
    return [(str(name), kwargs if isinstance(kwargs, dict) else {}) for name, kwargs in pairs]


def _normalized(said: Any) -> bool:
    # Written as a flag, or as the source text of a dict, which is looked at and never evaluated.
    if isinstance(said, dict):
        return said.get("norm_obs", True) is not False
    return bool(said) and not re.search(r"norm_obs\W{1,4}False", str(said))


def is_beside(path: Path) -> bool:
    """Whether this is no folder, and there: a pipe, a device or a link is to be refused, not passed over."""
    return is_there(path) and (not is_folder(path) or path.is_symlink())


def inside(path: Path, model: Path) -> Path:
    """A path beside a model, where it is no link that leads away from there.

    Raises:
        UnsafeFileError: it is one.
    """
    folder = model.parent
    # A hub's cache keeps files in `blobs` and links to them in `snapshots/<revision>`.
    allowed = (folder, folder.parent.parent / "blobs") if folder.parent.name == "snapshots" else (folder,)
    target = Path(os.path.realpath(path))  # which also takes links that go round in circles
    if not any(target.is_relative_to(os.path.realpath(place)) for place in allowed):
        raise UnsafeFileError(
            f"{path} is a link to {target}, away from the model it lies beside; not read. Put the file itself there"
        )
    return path


_NAMES = ("vecnormalize.pkl", "vec_normalize.pkl")  # the second on a hub


def find_statistics(model: Path, record: ZooRecord | None) -> Path | None:
    """The VecNormalize statistics that belong to a model: a checkpoint's own, else those of its run.

    Raises:
        UnsafeFileError: a link that leads away from the model.
    """
    of_run = () if record is None else (record.folder,)
    folders = (*of_run, model.parent / model.stem, model.parent)
    places = [folder / name for folder in folders for name in _NAMES]
    if checkpoint := CHECKPOINT.fullmatch(model.stem):
        own = f"{checkpoint['prefix']}_vecnormalize_{checkpoint['steps']}_steps.pkl"
        places = [model.parent / own, *places]
    found = next((place for place in places if is_beside(place)), None)
    return None if found is None else inside(found, model)


def later_statistics_note(statistics: Path, model: Path) -> tuple[str, ...]:
    """The caveat, or none, that statistics are not from the moment at which the model was saved."""
    checkpoint = CHECKPOINT.fullmatch(model.stem)
    own = checkpoint is not None and checkpoint["steps"] in statistics.name
    if own or not (checkpoint or model.stem == "best_model"):
        return ()
    return (f"{statistics.name} is from the end of the training, and {model.name} from an earlier moment of it",)
