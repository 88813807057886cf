"""Runs of Sample Factory: the settings in `config.json` (once `cfg.json`), and a checkpoint below `checkpoint_p0`.

It comes before `torch_save` by its name, so that a checkpoint in such a folder is read with its settings.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file, is_folder
from rltools.errors import ModelError
from rltools.policies.saved.formats import torch_save
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.saved.settings import MAX_SETTINGS, plain_settings
from rltools.policies.untrusted.zips import read_file

SETTINGS, FIRST_POLICY = ("config.json", "cfg.json"), "checkpoint_p0"
MAX_ID = 200
"""Characters of an environment's id."""
_CHECKPOINT = re.compile(r"(checkpoint|best)_(\d{1,15})_(\d{1,18})\w*[\w.+-]*\.pth")


def reads(path: Path, head: bytes) -> bool:
    """Whether it is the folder of a run, or a checkpoint in one."""
    if is_folder(path):
        return _settings(path) is not None and is_folder(path / FIRST_POLICY)
    return _is_in_run(path) and torch_save.reads(path, head)


def read(path: Path) -> Contents:
    """The tensors of a checkpoint, and the settings of its run under `config`.

    Of a folder it is the checkpoint that the library would take: the latest one of the first policy, or its best one if
    the run's settings say so.

    Raises:
        ModelError: damaged, or a folder without a checkpoint.
        UnsafeFileError: it names a command, or would exhaust the machine; nothing was run.
    """
    run = path if is_folder(path) else path.absolute().parent.parent
    place = _settings(run) or run / SETTINGS[0]
    content = read_file(place, MAX_SETTINGS)
    settings = plain_settings(content, str(place))
    checkpoint = _checkpoint(path / FIRST_POLICY, settings) if is_folder(path) else path
    contents = torch_save.read(checkpoint)
    env_id = settings.get("env")
    return dataclasses.replace(
        contents,
        path=path,
        format="Sample Factory",
        values={**contents.values, **{f"config.{key}": value for key, value in settings.items()}}
        | {"checkpoint": f"{checkpoint.parent.name}/{checkpoint.name}"},
        sha256=hashlib.sha256(hashlib.sha256(content).digest() + bytes.fromhex(contents.sha256)).hexdigest(),
        environment=env_id if isinstance(env_id, str) and 0 < len(env_id) < MAX_ID else None,
    )


def _is_in_run(path: Path) -> bool:
    folder = path.absolute().parent
    return re.fullmatch(r"checkpoint_p\d+", folder.name) is not None and _settings(folder.parent) is not None


def _settings(run: Path) -> Path | None:
    return next((run / name for name in SETTINGS if is_file(run / name)), None)


def _checkpoint(folder: Path, settings: dict[str, Any]) -> Path:
    matches = [match for entry in folder.iterdir() if (match := _CHECKPOINT.fullmatch(entry.name))]
    kind = "best" if settings.get("load_checkpoint_kind") == "best" else "checkpoint"
    # The number of training steps says which is the latest; the other kind is better than none.
    ranked = sorted(matches, key=lambda match: (match[1] == kind, int(match[2]), int(match[3])))
    if not ranked:
        raise ModelError(
            f"{folder} has no checkpoint_STEP_FRAMES.pth or best_STEP_FRAMES_....pth of Sample Factory; give the path "
            f"of one"
        )
    return folder / ranked[-1].group()
