"""A policy from a model's zip."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rltools.errors import ModelError
from rltools.policies import Known
from rltools.policies._surroundings import elsewhere_note
from rltools.policies.sb3._build import build
from rltools.policies.sb3._normalize import Statistics, find_statistics, given_statistics, read_statistics
from rltools.policies.sb3._policy import make_policy
from rltools.policies.sb3._saved import Saved, read_saved
from rltools.policies.sb3._zoo import read_record
from rltools.policies.sb3._zoo_environment import zoo_environment
from rltools.policies.sb3.families import Family
from rltools.policies.torch_policy import TorchPolicy
from rltools.policy import Source

LIBRARY = "Stable-Baselines3"


def load_file(path: Path, known: Known) -> TorchPolicy:
    """The policy in a model's zip; nothing in it, or beside it, is executed.

    Raises:
        ModelError: missing, damaged, not supported, or without the statistics it was trained with.
        UnsafeFileError: it wants to run code or to exhaust the machine.
        MismatchError: the environment's spaces are not the model's.
    """
    saved = read_saved(path)
    record = read_record(path)
    # What a card says of statistics is the whole truth; without one they are looked for.
    folders = () if known.normalized is False else (path.parent / path.stem, path.parent)
    if record is not None:
        folders = (record.folder, *folders)
        around = known.environment
        if around is None:
            around, notes = zoo_environment(record)
        else:
            notes = elsewhere_note(record.environment, record.kwargs, around)
        known = dataclasses.replace(known, environment=around, notes=known.notes + notes, normalized=record.normalized)
    network, family = build(saved)
    if known.dtype is not None:
        network.to(known.dtype)
    statistics, note = _statistics(saved, family, known, folders)
    source = Source(known.name or path.stem, saved.sha256, library=LIBRARY, notes=note)
    return make_policy(network, family, saved.settings, statistics, source=source, known=known)


def _statistics(
    saved: Saved, family: Family, known: Known, folders: tuple[Path, ...]
) -> tuple[Statistics | None, tuple[str, ...]]:
    if known.normalize is False:
        return None, ("observations are not normalised, as asked",)
    if known.normalize is not None:
        return given_statistics(known.normalize), ()
    found = find_statistics(folders)
    if found is not None:
        return read_statistics(found), ()
    # Only these algorithms keep the observation beneath VecNormalize exactly when there is one.
    shown = family.SHOWS_NORMALIZATION and "_last_original_obs" in saved.settings
    normalized = known.normalized or (shown and saved.settings["_last_original_obs"] is not None)
    if normalized:
        raise ModelError(
            f"{saved.path} was trained on normalised observations and their statistics are missing; put "
            f"vecnormalize.pkl into {saved.path.with_suffix('')}, give it as normalize=PATH, or say normalize=False"
        )
    if known.normalized is None and not shown:
        return None, ("whether it was trained on normalised observations is not known; none are normalised",)
    return None, ()
