"""The default name of a run's folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools._util.foreign_files import is_file, is_folder
from rltools.cards.content import content_path

if TYPE_CHECKING:
    from rltools.policies.base import Policy

RUNS = Path("runs")
DIGITS = 8
"""Digits of a sha256 in a name, so that models in folders of the same name get different ones."""

LONGEST = 150
"""Characters of a name: file systems take 255 bytes, some of which suffixes and temporary names need."""


def run_name(source: Any, policy: Policy) -> str:
    """The name of a policy's run: the same for the same model, and different for any other.

    An agent with a card is named after it. A model's file or folder is named after its parent folder, itself and the
    first digits of its sha256, because many are called `best_model`: `ppo-LunarLander-v2_1-3f9a01c2`. A live model has
    no path, only a name and a sha256.

    Args:
        source: the argument of `load_policy`.
        policy: its result.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if content_path("agents", str(source)) or is_file(path / "agent.yaml"):
            return folder_name(policy.source.name)
        name = path.stem if path.suffix == ".zip" and not is_folder(path) else path.absolute().name
        parts = [path.absolute().parent.name, name]
    else:
        parts = [policy.source.name]
    return folder_name("-".join(filter(None, [*parts, policy.source.sha256[:DIGITS]])))


def folder_name(name: str) -> str:
    """Any text as the name of a folder."""
    return short_name(re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "agent")


def short_name(name: str) -> str:
    """A name that a file system accepts: the end of a name that is too long is replaced by digits of its hash."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGITS]}"
