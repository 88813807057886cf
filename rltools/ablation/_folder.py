"""The files of an ablation: its settings, the visited states, and one immutable file per batch of episodes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rltools._util.arrays import object_column
from rltools._util.files import numbered, numbered_path
from rltools._util.short_repr import short_repr
from rltools.ablation._rollouts import COLUMNS, Rollouts, joined
from rltools.errors import CorruptError
from rltools.recording.parquet import CONTENT, damage_as_corrupt, read_file, read_metadata
from rltools.recording.seal import ABLATION, BATCH, RECORDING, VISITED_ROWS, check_identity
from rltools.recording.sealed_json import SEALED_FORMAT, check_counts, check_fields, read_json, write_json
from rltools.recording.writers import BlockFile

FOLDER = "ablations"
_SPEC = "ablation.json"
_KINDS = {
    "replace": str,
    "second": str,
    "groups": str | dict[str, list[str]],
    "players": list[str],
    "seed": int,
    "max_steps": int,
    "visited": int,
    "policy": str,
    "policy_sha256": str,
    "environment": str,
    "recording": str,
}
_TEXTS = ("replacement", "ended", "fault", "purpose")


@dataclass(frozen=True)
class AblationSpec:
    """What an ablation's episodes depend on.

    Attributes:
        replace: the name of the main replacement.
        second: the name of the second one; "" for none.
        groups: "variables", "features" or named groups; see `rltools.ablate`.
        players: the names of the players.
        seed: from which the seeds of the episodes are derived.
        max_steps: the number of steps after which an episode is ended.
        visited: the number of visited states that values are taken from.
        policy: the name of the policy.
        policy_sha256: the network that acted.
        environment: its specification as canonical JSON; "" if a function made it.
        recording: the seal of the recording that the visited states are from.
    """

    replace: str
    second: str
    groups: str | dict[str, list[str]]
    players: tuple[str, ...]
    seed: int
    max_steps: int
    visited: int
    policy: str
    policy_sha256: str
    environment: str
    recording: str

    __repr__ = short_repr

    @property
    def key(self) -> str:
        """The name of its folder: the replacement, and 8 hexadecimal digits of a hash of everything."""
        specified = json.dumps(self.to_json(), sort_keys=True)
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.replace).strip("-")[:40]
        return f"{slug}-{hashlib.sha256(specified.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

    def to_json(self) -> dict[str, Any]:
        """The content of `ablation.json`."""
        return asdict(self) | {"players": list(self.players)}


def ablation_keys(directory: Path) -> tuple[str, ...]:
    """The names of the folders of a recording's ablations, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in (directory / FOLDER).glob(f"*/{_SPEC}")))


def spec_path(folder: Path) -> Path:
    """The file of the settings."""
    return folder / _SPEC


def write_spec(folder: Path, spec: AblationSpec) -> str:
    """Write the settings, unless they are there; returns their seal, which the other files name.

    Raises:
        CorruptError: the file is damaged, or that of another ablation.
    """
    if not (folder / _SPEC).is_file():
        return write_json(folder / _SPEC, spec.to_json())
    existing, seal = read_spec(folder)
    if existing != spec:
        raise CorruptError(f"{folder / _SPEC} belongs to another ablation; delete it, and ablate again")
    return seal


def read_spec(folder: Path) -> tuple[AblationSpec, str]:
    """The settings of an ablation, and their seal.

    Raises:
        CorruptError: its file is damaged.
        FormatError: a newer version of rltools wrote it.
    """
    path = folder / _SPEC

    def parse(content: dict[str, Any]) -> AblationSpec:
        check_fields(path, content, _KINDS, frozenset())
        check_counts(path, content, {"visited": 0, "max_steps": 1})
        return AblationSpec(**(content | {"players": tuple(content["players"])}))

    return read_json(path, parse, formats_began=SEALED_FORMAT)


def write_batch(folder: Path, number: int, rollouts: Rollouts, identity: Mapping[str, str]) -> Path:
    """Write a batch of episodes as the file of this number; `identity` is that of its ablation."""
    path = numbered_path(folder, number)
    file = BlockFile(path)
    file.write({name: getattr(rollouts, name) for name in COLUMNS})
    file.finish({**identity, BATCH: f"{number:06d}"})
    return path


def batch_identity(folder: Path, recording: str, seal: str) -> dict[str, str]:
    """What the file of a batch says of its ablation: the seals of recording and settings, and which states it took."""
    visited = read_metadata(visited_path(folder)).get(CONTENT, "") if visited_path(folder).is_file() else ""
    return {RECORDING: recording, ABLATION: seal, VISITED_ROWS: visited}


def write_ablation(directory: Path, spec: AblationSpec, rollouts: Rollouts) -> Path:
    """Write an ablation as `ablate` does, in one batch, into the folder of a recording; returns its own folder."""
    folder = directory / FOLDER / spec.key
    folder.mkdir(parents=True, exist_ok=True)
    identity = batch_identity(folder, spec.recording, write_spec(folder, spec))
    write_batch(folder, next_number(folder), rollouts, identity)
    return folder


def next_number(folder: Path) -> int:
    """The number of the next batch."""
    return max(numbered(folder), default=-1) + 1


def lost_batches(folder: Path) -> list[Path]:
    """The files of batches before the last one that are not there any more."""
    numbers = numbered(folder)
    return [numbered_path(folder, number) for number in sorted(set(range(max(numbers, default=0))) - set(numbers))]


def read_batches(folder: Path, spec: AblationSpec, identity: Mapping[str, str]) -> Rollouts:
    """All episodes of an ablation, in the order in which they were run.

    Raises:
        CorruptError: a file is damaged, or belongs elsewhere.
    """
    parts = [read_batch(folder, number, spec, identity) for number in numbered(folder)]
    return joined(parts, len(spec.players))


def read_batch(folder: Path, number: int, spec: AblationSpec, identity: Mapping[str, str]) -> Rollouts:
    """The episodes of one file.

    Raises:
        CorruptError: it is damaged, or belongs elsewhere.
    """
    path = numbered_path(folder, number)
    columns, metadata = read_file(path)
    check_identity(path, metadata, {**identity, BATCH: f"{number:06d}"})
    with damage_as_corrupt(path):
        if columns["hidden"].shape[1:] != (len(spec.players),):
            raise ValueError(f"it has {columns['hidden'].shape[1:]} players, and the ablation has {len(spec.players)}")
        return Rollouts(**{name: _decoded(name, columns[name]) for name in COLUMNS})


def _decoded(name: str, values: np.ndarray) -> np.ndarray:
    return object_column([bytes(value).decode() for value in values]) if name in _TEXTS else values


def visited_path(folder: Path) -> Path:
    """The file of the visited states."""
    return folder / "visited.parquet"


def write_visited(folder: Path, states: np.ndarray, recording: str, seal: str) -> None:
    """Write the visited states `[state, element]`, unless they are there."""
    path = visited_path(folder)
    if not path.is_file():
        file = BlockFile(path)
        file.write({"visited": states})
        file.finish({RECORDING: recording, ABLATION: seal})


def read_visited(folder: Path, size: int, recording: str, seal: str) -> np.ndarray | None:
    """The visited states `[state, element]`; None if they were not written yet.

    Raises:
        CorruptError: the file is damaged, or belongs elsewhere.
    """
    path = visited_path(folder)
    if not path.is_file():
        return None
    columns, metadata = read_file(path)
    check_identity(path, metadata, {RECORDING: recording, ABLATION: seal})
    states = columns.get("visited", np.zeros((0, 0)))
    if states.shape[1:] != (size,):
        raise CorruptError(f"{path} belongs to another ablation; delete the folder {folder} and ablate again")
    return states
