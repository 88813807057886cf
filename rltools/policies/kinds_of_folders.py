"""Guesses what kind of folder failed to load, from the names in it, and lists the models that lie further down.

No file is opened: the guess is advice in an error message, and nothing else depends on it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rltools._util.foreign_files import is_file

MOST_LISTED = 2000
"""The most names that are looked at in a folder, and in all folders below it."""
DEEPEST = 4
"""How many folders deep models are looked for; a snapshot of the hub's cache is two below its root."""
_MODELS = (".zip", ".cleanrl_model", ".onnx", ".pt2", ".safetensors", ".pt", ".pth", ".d3", ".msgpack", ".ckpt")
_MOST_NAMED = 3
_FIND = "give the path of the model's .zip that was saved with it"
_OF_RLLIB = "give the folder that save_to_path() of an Algorithm or an RLModule wrote"
OF_TENSORFLOW = (
    "convert it to ONNX (tf2onnx) and give that, or give rltools.FunctionPolicy around its prediction, without "
    "gradients"
)
"""Advice for whatever TensorFlow saved."""
# Names in a folder, its kind, and advice.
_FOLDERS = (
    ("recording.json", "the folder of a recording, not an agent", "give the agent's name, folder or model"),
    ("class_and_ctor_args.pkl", "a part of an RLlib checkpoint, without weights", _OF_RLLIB),
    ("algorithm_state.pkl", "a part of an RLlib checkpoint, without weights", _OF_RLLIB),
    ("saved_model.pb", "a TensorFlow SavedModel", OF_TENSORFLOW),
    (re.compile(r".+\.ckpt[-\d]*\.index|checkpoint"), "a TensorFlow checkpoint", OF_TENSORFLOW),
    (
        re.compile(r"_CHECKPOINT_METADATA|manifest\.ocdbt"),
        "an Orbax checkpoint of JAX",
        "write its parameters with flax.serialization.to_bytes into a .msgpack, and give that with its environment",
    ),
    ("checkpoint_p0", "a Sample Factory training run without its config.json", "give a checkpoint in checkpoint_p0"),
    ("wandb-metadata.json", "the files of a Weights & Biases run", _FIND),
    ("MLmodel", "an MLflow model", "give the model's own .zip, or rltools.TorchPolicy around its network"),
    (
        "data",
        "an unpacked model of Stable-Baselines3",
        "zip its files, not their folder, and give that",
    ),
)


def folder_kind(path: Path) -> tuple[str, str]:
    """What a folder seems to be, with its article, and the next step, beginning with a verb in lower case."""
    try:
        names = {entry.name for entry, _ in zip(path.iterdir(), range(MOST_LISTED), strict=False)}
    except OSError as error:
        return f"a folder that cannot be read ({error.strerror})", "give a readable one"
    below = _models_below(path)
    for member, name, advice in _FOLDERS:
        present = member in names if isinstance(member, str) else any(map(member.fullmatch, names))
        if present and (member != "data" or "policy.pth" in names):
            # A run's files may hold the model that was saved with it.
            return name, f"give {_paths(path, below)}" if advice is _FIND and below else advice
    models = sorted(name for name in names if name.endswith(".zip"))
    runs = sorted(name for name in names if re.fullmatch(r".+_\d+", name) and (path / name).is_dir())
    number = "a model" if len(below) == 1 else "models"
    kinds = (
        (is_file(f"{path}.zip"), "a folder beside a zip of the same name", f"give {path.name}.zip"),
        (models, f"a folder with zips: {_listed(models)}", "give the path of one of them"),
        (runs, f"a folder of runs, {', '.join(map(ascii, runs[:_MOST_NAMED]))}", "give the path of one of them"),
        (below, f"a folder with {number} in it: {_listed(below)}", f"give {_paths(path, below)}"),
        (any("tfevents" in name for name in names), "a log of TensorBoard, not a model", "give the model's .zip"),
        (
            True,
            "a folder without a model that a library knows",
            "give the name of an agent, its folder (with agent.yaml), a run folder of rl-baselines3-zoo, or a model's "
            ".zip",
        ),
    )
    return next((kind, advice) for fits, kind, advice in kinds if fits)


def _models_below(folder: Path) -> list[str]:
    """The paths of files named as models are, relative to a folder: the nearest first, and those called best."""
    models = [name for name in _files_below(folder) if name.lower().endswith(_MODELS)]
    return sorted(models, key=lambda name: (name.count("/"), "best" not in name, name))


def _files_below(folder: Path) -> Iterator[str]:
    """Relative paths of the files in a folder and below it, as far as `DEEPEST` and `MOST_LISTED` allow."""
    left, waiting = MOST_LISTED, [("", 0)]
    while waiting and left > 0:
        place, depth = waiting.pop(0)
        try:
            with os.scandir(folder / place) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        return
                    name = f"{place}/{entry.name}" if place else entry.name
                    # Links to folders are not followed: they may lead anywhere, also back.
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [(name, depth + 1)] if depth < DEEPEST else []
                    else:
                        yield name
        except OSError:
            continue


def _paths(folder: Path, models: Sequence[str]) -> str:
    nearest = f"{folder / models[0]}" if models else ""
    return nearest if len(models) < 2 else f"the path of one of them, for instance {nearest}"


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(ascii(name[:60]) for name in names[:_MOST_NAMED])
    return listed + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")
