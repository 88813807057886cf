"""Downloads models from the Hugging Face hub into its own cache, where they are read like any other file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rltools.errors import ArgumentError, ModelError, UnsafeFileError

PREFIX = "hf:"
MAX_FILE = 256 * 2**20
MAX_FILES, MAX_TOTAL = 1000, 2**30
# The files that a policy is read from; an upload by rl-baselines3-zoo also holds videos and an unpacked model.
_WANTED = ["*.zip", "*.pkl", "*.yml"]
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_SOURCE = re.compile(
    rf"hf:(?P<repo>{_PART}/{_PART}?)(?:/(?P<file>(?:{_PART}/)*{_PART}\.zip))?(?:@(?P<revision>{_PART}(?:/{_PART})*))?"
)
_NO_MODELS = ("train_eval_metrics.zip",)  # the zoo uploads its evaluations beside the model


@dataclass(frozen=True)
class Fetched:
    """A model from a hub.

    Attributes:
        path: of the model, in the hub's cache.
        name: what to call it.
        note: where it comes from, with the revision.
    """

    path: Path
    name: str
    note: str


def is_hub(source: object) -> bool:
    """Whether a source names a hub, explicitly: a typo in a path must not cause a download."""
    return isinstance(source, str) and source.startswith(PREFIX)


def fetch(source: str) -> Fetched:
    """Download `hf:org/name`, `hf:org/name/file.zip` or `hf:org/name@revision`; offline, take it from the cache.

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
    if not path.is_file():
        raise ModelError(f"{source}: {repo} has no {file}; it holds {_listed(_zips(folder))}")
    where = f" {file}" if file else ""
    return Fetched(path, repo.partition("/")[2], f"from the model hub: {repo}{where} at revision {folder.name}")


def _snapshot(source: str, repo: str, revision: str | None) -> Path:
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants, errors
    except ImportError:
        raise ModelError(
            f'{source} needs huggingface_hub; install it: pip install "rltools-attribution[hub]"'
        ) from None
    chosen: dict[str, Any] = {"repo_id": repo, "revision": revision, "allow_patterns": _WANTED}
    try:
        if not constants.HF_HUB_OFFLINE:
            _check_sizes(source, hub.HfApi().model_info(repo, revision=revision, files_metadata=True).siblings or [])
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


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _check_sizes(source: str, siblings: list[Any]) -> None:
    endings = tuple(pattern[1:] for pattern in _WANTED)
    wanted = [sibling for sibling in siblings if sibling.rfilename.endswith(endings)]
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
    models = _zips(folder)
    for name in (repo.partition("/")[2], "best_model"):
        if folder / f"{name}.zip" in models:
            return folder / f"{name}.zip"
    if len(models) == 1:
        return models[0]
    wanted = (
        f"name one, for instance hf:{repo}/{models[0].name}" if models else "it is not a model of Stable-Baselines3"
    )
    raise ModelError(f"{source} holds {_listed(models)}; {wanted}")


def _zips(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.zip") if path.name not in _NO_MODELS)


def _listed(models: list[Path]) -> str:
    return ", ".join(path.name for path in models) or "no model's .zip"
