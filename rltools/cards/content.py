"""Finds agents, environment cards and experiments by name: the user's own first, then the package's."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from rltools._util.foreign_files import is_file
from rltools._util.text import nearest_names
from rltools.errors import ArgumentError, ConfigError, UnknownNameError

ContentKind = Literal["agents", "envs", "experiments"]
"""The folder that content is in."""

MAX_NAME = 200
"""Length in characters; file systems allow 255."""
MAX_LISTED = 5_000
"""Files and folders in one folder of content."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def find_content(kind: ContentKind, name: str) -> Path:
    """The path of content by its name: the folder of an agent, the .yaml file of an environment or an experiment.

    `agents/`, `envs/` or `experiments/` of the working directory take precedence over the package's own.

    Raises:
        ArgumentError: a name that is not one plain path part of `A-Z a-z 0-9 _ . -`.
        UnknownNameError: nothing has this name; the message lists the nearest names and the folders searched.
    """
    check_name(kind, name)
    path = content_path(kind, name)
    if path is not None:
        return path
    names = list_content(kind)
    model = kind == "agents" and is_file(f"{name}.zip")  # Stable-Baselines3 allows omitting the suffix
    near = [f"{name}.zip"] if model else nearest_names(name, names)
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else f"there are {', '.join(map(repr, sorted(names))) or 'none'}."
    )
    folders = " and ".join(str(folder) for folder in content_folders(kind))
    raise UnknownNameError(f"nothing in {kind}/ is called {name!r}; {hint} Looked in {folders}")


def content_path(kind: ContentKind, name: str) -> Path | None:
    """The path of content by its name, the user's own first; None if there is none or the name is not valid."""
    if not _is_name(name):
        return None
    paths = (_path_in(kind, folder, name) for folder in content_folders(kind))
    return next((path for path in paths if path is not None), None)


def list_content(kind: ContentKind) -> dict[str, Path]:
    """All content of a kind: name -> path, the user's own first and taking precedence.

    Raises:
        ConfigError: a folder with more than `MAX_LISTED` files and folders.
    """
    listed: dict[str, Path] = {}
    for folder in content_folders(kind):
        for name, path in _contents(kind, folder):
            listed.setdefault(name, path)
    return listed


def content_folders(kind: ContentKind) -> tuple[Path, ...]:
    """The folders searched for content, in this order; they need not exist."""
    package = Path(__file__).parents[1]
    shipped = package / "_content" / kind
    if not shipped.is_dir():  # in a checkout, content lies beside the package
        shipped = package.parent / kind
    own = Path.cwd() / kind
    return (own,) if own == shipped else (own, shipped)


def check_name(kind: ContentKind, name: str) -> None:
    """Refuse a name that could lead out of its folder.

    Raises:
        ArgumentError: see `find_content`.
    """
    if not _is_name(name):
        raise ArgumentError(
            f"{name[:100]!r} cannot be a name in {kind}/: a name is one part of a path of up to {MAX_NAME} characters, "
            f"made of letters A-Z and a-z, digits, '_', '.' and '-'"
        )


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and name not in (".", "..")


def _path_in(kind: ContentKind, folder: Path, name: str) -> Path | None:
    """The path of content in one folder; None if there is none or it is not accessible."""
    if kind == "agents":
        return folder / name if is_file(folder / name / "agent.yaml") else None
    return folder / f"{name}.yaml" if is_file(folder / f"{name}.yaml") else None


def _contents(kind: ContentKind, folder: Path) -> list[tuple[str, Path]]:
    suffix = "" if kind == "agents" else ".yaml"
    names = []
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_LISTED:
                    raise ConfigError(
                        f"{folder} holds more than {MAX_LISTED:,} files and folders, too many to search "
                        f"for {kind}; move anything that is not one of them elsewhere"
                    )
                if entry.name.endswith(suffix):
                    names.append(entry.name.removesuffix(suffix))
    except OSError:  # missing or not readable
        return []
    paths = [(name, _path_in(kind, folder, name)) for name in sorted(names) if _is_name(name)]
    return [(name, path) for name, path in paths if path is not None]
