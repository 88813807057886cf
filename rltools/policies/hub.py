"""Downloads models from the Hugging Face hub into its own cache, where they are read like any other file."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file
from rltools._util.text import one_line
from rltools.errors import ArgumentError, ModelError, UnsafeFileError
from rltools.policies._model_card import environment_of_card

PREFIX = "hf:"
MAX_FILE = 256 * 2**20
MAX_FILES, MAX_TOTAL = 1000, 2**30
MOST_FOLDERS = 200
CARD = "README.md"
_ZIPS = (".zip", ".pkl", ".yml")
# An upload by rl-baselines3-zoo also holds videos and an unpacked model; others hold logs and code.
_WANTED: dict[str, tuple[str, ...]] = {
    "stable-baselines3": _ZIPS,
    "sbx": _ZIPS,
    "cleanrl": (".cleanrl_model", ".safetensors", ".pth", ".pt"),
    "sample-factory": (".pth", "config.json", "cfg.json"),
    "ml-agents": (".onnx",),
    "rllib": ("rllib_checkpoint.json", "metadata.json", "module_state.pkl", "state.pkl", ".msgpack"),
}
"""How the names of the files end that a policy is read from, by the library that a model card names."""
_SAME = {"unity-ml-agents": "ml-agents", "ray": "rllib", "sample_factory": "sample-factory", "sb3": "stable-baselines3"}
_WEIGHTS = (".cleanrl_model", ".safetensors", ".pth", ".pt", ".pt2", ".onnx", ".npz", ".msgpack")
_PART = r"[A-Za-z0-9][A-Za-z0-9_.=-]*"
_ENDINGS = "|".join(ending.removeprefix(".") for ending in (".zip", *_WEIGHTS))
_SOURCE = re.compile(
    rf"hf:(?P<repo>{_PART}/{_PART}?)(?:/(?P<file>(?:{_PART}/)*{_PART}\.(?:{_ENDINGS})))?"
    rf"(?:@(?P<revision>{_PART}(?:/{_PART})*))?"
)
_NO_MODELS = ("train_eval_metrics.zip",)  # the zoo uploads its evaluations beside the model


@dataclass(frozen=True)
class HubModel:
    """A model from a hub.

    Attributes:
        path: of the model, in the hub's cache.
        name: what to call it.
        note: where it comes from, with the revision.
        environment: the id that its model card names, if it is registered here and no other file says more.
        notes: what there is to say about the card.
    """

    path: Path
    name: str
    note: str
    environment: str | None = None
    notes: tuple[str, ...] = ()


def is_hub(source: object) -> bool:
    """Whether a source names a hub, explicitly: a typo in a path must not cause a download."""
    return isinstance(source, str) and source.startswith(PREFIX)


def fetch(source: str) -> HubModel:
    """Download `hf:org/name`, `hf:org/name/file.zip` or `hf:org/name@revision`; offline, take it from the cache.

    Which files are fetched follows from the library in the model card, or from the names of the files if it names none.

    Raises:
        ArgumentError: a text of another form.
        ModelError: it cannot be downloaded, or holds no model, or several.
        UnsafeFileError: a file far larger than models are; it was not downloaded.
    """
    match = _SOURCE.fullmatch(source)
    if match is None or ".." in source:
        raise ArgumentError(
            f"{source[:200]!r} is not a model on a hub; give hf:ORGANIZATION/NAME, followed by /FILE.zip to pick a "
            f"file, and @REVISION to pin one"
        )
    repo, file = match["repo"], match["file"]
    folder = _snapshot(source, repo, match["revision"])
    path = folder / file if file else _model(folder, repo, source)
    if not path.exists():
        raise ModelError(f"{source}: {repo} has no {file}; it holds {_listed(_models(folder), folder)}")
    where = f" {file}" if file else ""
    environment, notes = (None, ()) if _of_the_zoo(path) else environment_of_card(folder, repo)
    note = f"from the model hub: {repo}{where} at revision {folder.name}"
    return HubModel(path, repo.partition("/")[2], note, environment, notes)


def _of_the_zoo(path: Path) -> bool:
    """Whether rl-baselines3-zoo's own files say what the environment is, with its arguments and wrappers."""
    return path.suffix == ".zip" and is_file(path.parent / "args.yml")


def _snapshot(source: str, repo: str, revision: str | None) -> Path:
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants, errors
    except ImportError:
        raise ModelError(
            f'{source} needs huggingface_hub; install it: pip install "rltools-attribution[hub]"'
        ) from None
    chosen: dict[str, Any] = {"repo_id": repo, "revision": revision, "allow_patterns": [CARD]}
    try:
        if not constants.HF_HUB_OFFLINE:
            info = hub.HfApi().model_info(repo, revision=revision, files_metadata=True)
            endings = _endings(info)
            _check_sizes(source, info.siblings or [], endings)
            chosen["allow_patterns"] = [CARD, *(f"*{ending}" for ending in endings)]
        return Path(hub.snapshot_download(**chosen))
    except UnsafeFileError:
        raise
    except errors.HfHubHTTPError as error:  # the hub answered, and refused
        raise ModelError(
            f"{source} cannot be downloaded from the hub: {_why(error)}; check its name and revision"
        ) from error
    # Without a network its client fails in many ways; earlier downloads are still in the cache.
    except Exception as error:
        try:
            return Path(hub.snapshot_download(**chosen, local_files_only=True))
        except Exception:
            raise ModelError(
                f"{source} is not in the cache, and the hub cannot be reached ({_why(error)}); connect to the network "
                f"once, or give a path"
            ) from error


def _endings(info: Any) -> tuple[str, ...]:
    """The endings of the files that are needed of a repository."""
    named = [getattr(info, "library_name", None), *(getattr(info, "tags", None) or ())]
    for name in (str(name).lower() for name in named if name):
        if endings := _WANTED.get(_SAME.get(name, name)):
            return endings
    names = [sibling.rfilename for sibling in info.siblings or []]
    if any(name.endswith(".zip") and name not in _NO_MODELS for name in names):
        return _ZIPS
    return tuple(dict.fromkeys((*_ZIPS, *_WEIGHTS, *(e for own in _WANTED.values() for e in own))))


def _why(error: Exception) -> str:
    return one_line(error)[:300] or type(error).__name__


def _check_sizes(source: str, siblings: list[Any], endings: tuple[str, ...]) -> None:
    wanted = [sibling for sibling in siblings if sibling.rfilename.endswith((CARD, *endings))]
    for sibling in wanted:
        if (sibling.size or 0) > MAX_FILE:
            raise UnsafeFileError(
                f"{source} holds {sibling.rfilename!r} of {sibling.size:,} bytes, more than a model has; not fetched. "
                f"Fetch the model's file yourself and give its path"
            )
    total = sum(sibling.size or 0 for sibling in wanted)
    if len(wanted) > MAX_FILES or total > MAX_TOTAL:
        raise UnsafeFileError(
            f"{source} holds {len(wanted):,} files of {total:,} bytes, and at most {MAX_FILES:,} of "
            f"{MAX_TOTAL:,} bytes are fetched. Fetch the model's file yourself and give its path"
        )


def _model(folder: Path, repo: str, source: str) -> Path:
    """The only model in a repository, or the one with the repository's name or a usual one."""
    models = _models(folder)
    names = [path.stem for path in models]
    for name in (repo.partition("/")[2], "best_model", "best_agent"):
        if names.count(name) == 1:
            return models[names.index(name)]
    if len(models) == 1:
        return models[0]
    wanted = (
        f"name one, for instance hf:{repo}/{models[0].relative_to(folder).as_posix()}"
        if models
        else "it is not a model of a library that rltools reads"
    )
    raise ModelError(f"{source} holds {_listed(models, folder)}; {wanted}")


def _models(folder: Path) -> list[Path]:
    """What may be a model in a repository: zips first, then folders that are read as a whole, then files of weights."""
    if zips := sorted(path for path in folder.glob("*.zip") if path.name not in _NO_MODELS):
        return zips
    folders = [folder, *itertools.islice((path for path in sorted(folder.rglob("*")) if path.is_dir()), MOST_FOLDERS)]
    for inner in folders:
        names = {path.name for path in inner.iterdir()}
        if names & {"rllib_checkpoint.json", "module_state.pkl", "module_state.msgpack"}:
            return [inner]
        if names & {"config.json", "cfg.json"} and any(name.startswith("checkpoint_p") for name in names):
            return [inner]
    for inner in folders:
        if files := sorted(path for path in inner.iterdir() if path.name.endswith(_WEIGHTS)):
            return files
    return []


def _listed(models: list[Path], folder: Path) -> str:
    names = [path.relative_to(folder).as_posix() for path in models]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "no model's .zip"
