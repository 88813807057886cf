"""Finding agents, environment cards and experiments by name: the user's own first, then those of the package."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Literal

from rltools.errors import ArgumentError, UnknownNameError

Room = Literal["agents", "envs", "experiments"]

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def find_content(room: Room, name: str) -> Path:
    """Where the content of this name is: the folder of an agent, the .yaml file of an environment or an experiment.

    `agents/`, `envs/` or `experiments/` of the working directory comes before the package's own.

    Raises:
        ArgumentError: a name that is not one plain path part of `A-Z a-z 0-9 _ . -`.
        UnknownNameError: nothing has this name; the message lists the nearest ones and where was looked.
    """
    check_name(room, name)
    known = list_content(room)
    if name in known:
        return known[name]
    model = room == "agents" and Path(f"{name}.zip").is_file()  # Stable-Baselines3 lets the ending be left out
    near = [f"{name}.zip"] if model else difflib.get_close_matches(name, known, n=3)
    named = ("did you mean " if near else "there are ") + (", ".join(map(repr, near or sorted(known))) or "none")
    places = " and ".join(str(folder) for folder in content_folders(room))
    raise UnknownNameError(f"nothing in {room}/ is called {name!r}; {named}. Looked in {places}")


def list_content(room: Room) -> dict[str, Path]:
    """Name -> place of everything in a room, the user's own first; of two with one name the user's own is kept."""
    found: dict[str, Path] = {}
    for folder in content_folders(room):
        for name, path in _contents(room, folder):
            found.setdefault(name, path)
    return found


def content_folders(room: Room) -> tuple[Path, ...]:
    """Where a room's content is looked for, in this order; a folder need not exist."""
    package = Path(__file__).parent
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
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise ArgumentError(
            f"{name[:100]!r} cannot be a name in {room}/: a name is one part of a path, "
            f"made of letters A-Z and a-z, digits, '_', '.' and '-'"
        )


def _contents(room: Room, folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        return []
    if room == "agents":
        found = [(path.name, path) for path in folder.iterdir() if (path / "agent.yaml").is_file()]
    else:
        found = [(path.stem, path) for path in folder.glob("*.yaml") if path.is_file()]
    return sorted((name, path) for name, path in found if _NAME.fullmatch(name))
