"""Checks of a folder that several processes share: one experiment, one version, and really the same folder.

A worker of another machine may see another folder at the same path, another experiment in it, or have other versions
installed. Each of these would end in wrong results or in cells that nobody does, so a worker compares before it begins.
"""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rltools._util.console import as_text
from rltools._util.files import os_errors_as
from rltools._util.foreign_files import is_file
from rltools.envs import import_modules
from rltools.errors import (
    ArgumentError,
    ConfigError,
    ConflictError,
    CorruptError,
    FormatError,
    RltoolsError,
    argument,
)
from rltools.experiments._owner import Owner
from rltools.experiments.cells import CELLS, MANIFEST, Job, cells_of, read_job, write_job
from rltools.experiments.claims import STALE, CellState, owner_of, read_states, untouched_seconds
from rltools.recording.sealed_json import read_json, write_json

PACKAGE = "rltools-attribution"
ON_WHICH_BYTES_DEPEND = (PACKAGE, "torch", "gymnasium", "numpy")
"""The packages of which all workers need the same version."""
FOLDER_MARK = "folder.txt"
"""The file with a random text by which a folder is recognized, beside the claims."""
VERSIONS = "versions.json"
"""The file with the versions with which the experiment was begun, beside the claims."""
TRIES = 5
"""How often a file that another machine wrote just now is looked for, with `PAUSE` between."""
PAUSE = 0.3


def versions() -> dict[str, str]:
    """The versions here that results depend on, without the ending that names a build."""
    names = dict.fromkeys(ON_WHICH_BYTES_DEPEND, "none")
    for name in names:
        with suppress(PackageNotFoundError):
            names[name] = version(name).partition("+")[0]
    return {"python": ".".join(map(str, sys.version_info[:2]))} | names


def token_of(folder: Path) -> str:
    """The random text by which the folder of an experiment is recognized; written once, by whoever comes first.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    path = folder / CELLS / FOLDER_MARK
    with os_errors_as(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(16))
    return _read_token(path)


def _read_token(path: Path) -> str:
    for _ in range(TRIES):  # whoever comes first may be writing it
        with suppress(OSError, ValueError):
            if text := path.read_text(encoding="ascii"):
                return text
        time.sleep(PAUSE)
    return ""


def description_of(job: Job) -> dict[str, Any]:
    """What a worker needs to recognize an experiment, its folder and the versions that it has to have."""
    return {
        "folder": str(job.folder.absolute()),
        "experiment": job.board.name,
        "token": token_of(job.folder),
        "versions": versions(),
        "host": socket.gethostname(),
    }


def open_shared(description: Mapping[str, Any]) -> Job:
    """Open the experiment of a description, in a worker.

    Raises:
        ArgumentError: other versions are installed here, or the folder here is not the one described.
        ConflictError: another experiment was begun in it since.
        SimulationError: a module that registers environments cannot be imported here.
    """
    folder, here = Path(description["folder"]), socket.gethostname()
    check_versions(description["versions"], f"{here} has")
    token = _read_token(folder / CELLS / FOLDER_MARK)
    if token != description["token"]:
        what = "lies another folder" if token else "is no such folder"
        raise ArgumentError(
            f"{folder} is not shared: on {here} there {what} of this name, and {description['host']} has the "
            f"experiment in it; choose a folder that all workers share, with {argument('directory')}"
        )
    job = read_manifest(folder)
    if job.board.name != description["experiment"]:
        raise ConflictError(
            f"another experiment was begun in {folder} in the meantime ({job.plan.description!r:.100}); run them in "
            f"folders of their own, with {argument('directory')}"
        )
    import_modules(job.modules)
    return job


def check_versions(expected: Mapping[str, str], who: str) -> None:
    """Check that the versions here are those with which an experiment was begun.

    Args:
        expected: by package.
        who: has others, for the message; with a verb.

    Raises:
        ArgumentError: at least one differs; the message has all that do.
    """
    own = versions()
    others = [name for name in own if expected.get(name) != own[name]]
    if others:
        theirs = ", ".join(f"{name} {own[name]}" for name in others)
        needed = " ".join(f"{name}=={expected.get(name, '?')}" for name in others)
        raise ArgumentError(
            f"{who} {theirs}, and the experiment was begun with {needed}: results would differ; install these versions "
            f"on all machines, or begin it again with one version everywhere"
        )


def read_manifest(folder: Path) -> Job:
    """Read the manifest of an experiment, which another version may have written.

    Raises:
        ArgumentError: it cannot be read, and was written by other versions than are installed here.
        CorruptError: it cannot be read.
        RecordingError: there is none.
    """
    try:
        return read_job(folder)
    except (ConfigError, CorruptError, FormatError, KeyError, TypeError, ValueError) as error:
        check_joinable(folder)  # that says more
        if isinstance(error, CorruptError | FormatError):
            raise
        raise CorruptError(
            f"{folder / MANIFEST} is not as this version of rltools writes it ({type(error).__name__}: "
            f"{as_text(str(error))[:200]}); run the experiment again"
        ) from error


def check_folder(job: Job) -> None:
    """Check that no other experiment is in a folder, before this one is begun in it.

    Raises:
        ConflictError: processes are at work on another one, or its results are there, and are not to be replaced.
    """
    try:
        earlier = read_manifest(job.folder)
    except RltoolsError:  # there is none, or it is damaged, or of another version: it is written anew
        return
    if earlier.board == job.board:
        return
    for state in read_states(earlier.board, [cell.id for cell in cells_of(earlier)]).values():
        owner = owner_of(earlier.board, state)
        if state.status == "running" and is_alive(earlier.board, state, owner):
            raise ConflictError(
                f"{job.folder} is being worked on by {owner}, for another experiment "
                f"({earlier.plan.description!r:.100}); wait for it, or choose another folder with "
                f"{argument('directory')}"
            )
    agents = ({run.agent for run in each.runs} for each in (earlier, job))
    if not job.overwrite and (_name(earlier) != _name(job) or set.isdisjoint(*agents)):
        raise ConflictError(
            f"{job.folder} holds the results of another experiment, {_name(earlier)} "
            f"({earlier.plan.description!r:.100}); choose another folder with "
            f"{argument('directory')}, or pass {argument('overwrite', True)} to put this one in its place"
        )


def is_alive(board: Path, state: CellState, owner: Owner) -> bool:
    """Whether the process of a running cell may still be at it, as far as this machine can tell at once."""
    return not owner.is_dead() and untouched_seconds(board, state) < STALE


def _name(job: Job) -> str:
    """The name of an experiment's file."""
    return Path(job.command[-1]).stem if job.command else ""


def begin(job: Job) -> None:
    """Write the description of an experiment into its folder, by which workers on any machine recognize it.

    Raises:
        ConflictError: another experiment is in it.
        RecordingError: it cannot be written to.
    """
    check_folder(job)
    with os_errors_as(job.folder):
        write_job(job)
        token_of(job.folder)
        write_json(job.folder / CELLS / VERSIONS, versions())


def check_joinable(folder: Path) -> None:
    """Check that the experiment in a folder, if there is one, was begun with the versions installed here.

    Raises:
        ArgumentError: it was begun with others.
    """
    path = folder / CELLS / VERSIONS
    if is_file(path):
        expected = read_json(path, lambda content: {str(name): str(text) for name, text in content.items()})[0]
        check_versions(expected, f"{socket.gethostname()} has")
