"""What the folder of a run is called where nobody says."""

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
"""Of a sha256: two models that lie in folders of the same name hardly ever share them."""

LONGEST = 150
"""Letters of a name: file systems take 255 bytes, some of which endings and temporary names need."""


def run_name(source: Any, policy: Policy) -> str:
    """What to call the run of a policy: the same for the same model, and another for any other.

    An agent with a card goes by its name. A model's file or folder goes by the folder it lies in, its own name and the
    first digits of its sha256, because many are called `best_model`: `ppo-LunarLander-v2_1-3f9a01c2`. A live model has
    no place, only a name and a sha256.

    Args:
        source: as it was given to `load_policy`.
        policy: that came of it.
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
    """Any name as the name of a folder."""
    return short_name(re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "agent")


def short_name(name: str) -> str:
    """A name that a file system takes: the end of one that is too long gives way to digits that tell it from others."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGITS]}"
