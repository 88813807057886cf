"""Finding agents, environment cards and experiments by name: the user's own first, then those of the package."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Literal

from rltools._util.foreign_files import is_file
from rltools.errors import ArgumentError, ConfigError, UnknownNameError

Room = Literal["agents", "envs", "experiments"]

MAX_NAME = 200
"""Characters; file systems take 255."""
MAX_LISTED = 5_000
"""Files and folders in a folder of content."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def find_content(room: Room, name: str) -> Path:
    """Where the content of this name is: the folder of an agent, the .yaml file of an environment or an experiment.

    `agents/`, `envs/` or `experiments/` of the working directory comes before the package's own.

    Raises:
        ArgumentError: a name that is not one plain path part of `A-Z a-z 0-9 _ . -`.
        UnknownNameError: nothing has this name; the message lists the nearest ones and where was looked.
    """
    check_name(room, name)
    place = content_path(room, name)
    if place is not None:
        return place
    known = list_content(room)
    model = room == "agents" and is_file(f"{name}.zip")  # Stable-Baselines3 lets the ending be left out
    near = [f"{name}.zip"] if model else difflib.get_close_matches(name, known, n=3)
    named = ("did you mean " if near else "there are ") + (", ".join(map(repr, near or sorted(known))) or "none")
    places = " and ".join(str(folder) for folder in content_folders(room))
    raise UnknownNameError(f"nothing in {room}/ is called {name!r}; {named}. Looked in {places}")


def content_path(room: Room, name: str) -> Path | None:
    """Where the content of this name is, the user's own first; None where there is none, or where it is no name."""
    if not _is_name(name):
        return None
    places = (_place(room, folder, name) for folder in content_folders(room))
    return next((place for place in places if place is not None), None)


def list_content(room: Room) -> dict[str, Path]:
    """Name -> place of everything in a room, the user's own first; of two with one name the user's own is kept.

    Raises:
        ConfigError: a folder that holds far more than such a folder ever does.
    """
    listed: dict[str, Path] = {}
    for folder in content_folders(room):
        for name, path in _contents(room, folder):
            listed.setdefault(name, path)
    return listed


def content_folders(room: Room) -> tuple[Path, ...]:
    """Where a room's content is looked for, in this order; a folder need not exist."""
    package = Path(__file__).parents[1]
    shipped = package / "_content" / room
    if not shipped.is_dir():  # a checkout keeps its content beside the package
        shipped = package.parent / room
    own = Path.cwd() / room
    return (own,) if own == shipped else (own, shipped)


def check_name(room: Room, name: str) -> None:
    """Refuse a name that could lead out of its room.

    Raises:
        ArgumentError: see `find_content`.
    """
    if not _is_name(name):
        raise ArgumentError(
            f"{name[:100]!r} cannot be a name in {room}/: a name is one part of a path of up to {MAX_NAME} characters, "
            f"made of letters A-Z and a-z, digits, '_', '.' and '-'"
        )


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and name not in (".", "..")


def _place(room: Room, folder: Path, name: str) -> Path | None:
    """Where something is called so in a folder; `os.path` takes what cannot be looked at as not there."""
    if room == "agents":
        return folder / name if is_file(folder / name / "agent.yaml") else None
    return folder / f"{name}.yaml" if is_file(folder / f"{name}.yaml") else None


def _contents(room: Room, folder: Path) -> list[tuple[str, Path]]:
    ending = "" if room == "agents" else ".yaml"
    names = []
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_LISTED:
                    raise ConfigError(
                        f"{folder} holds more than {MAX_LISTED:,} files and folders, too many to search "
                        f"for {room}; move anything that is not one of them elsewhere"
                    )
                if entry.name.endswith(ending):
                    names.append(entry.name.removesuffix(ending))
    except OSError:  # not there, or not to be read
        return []
    places = [(name, _place(room, folder, name)) for name in sorted(names) if _is_name(name)]
    return [(name, place) for name, place in places if place is not None]
