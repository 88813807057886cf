"""The environment that a model card of a hub names, as an id and nothing else: no file makes this import a module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file, read_foreign
from rltools._util.text import one_line
from rltools._util.yaml import parse_yaml
from rltools.envs import environment_spec
from rltools.errors import ModelError, RltoolsError, argument

MAX_CARD = 2**20
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""An id as Gymnasium has them, without a module that would have to be imported."""
MAX_ID, MAX_RESULTS = 100, 100
_PACKAGES = (
    (re.compile(r"doom_\w+|Vizdoom.*"), "vizdoom", "vizdoom"),
    (re.compile(r"Panda\w+-v\d+"), "panda_gym", "panda-gym"),
    (re.compile(r"(Fetch|Hand|Adroit|Franka|PointMaze|AntMaze)\w*-v\d+"), "gymnasium_robotics", "gymnasium-robotics"),
    (re.compile(r"\w+BulletEnv-v\d+"), "pybullet_envs_gymnasium", "pybullet-envs-gymnasium"),
    (
        re.compile(r"(highway|merge|roundabout|parking|intersection|racetrack)(-\w+)?-v\d+"),
        "highway_env",
        "highway-env",
    ),
    (re.compile(r"dm_control/.*"), "shimmy", "shimmy[dm-control]"),
    (re.compile(r"(gym_)?(pygame|PLE).*|(Pixelcopter|Catcher|Pong)-PLE-v0"), "ple", "gym-games"),
)
"""Ids, the module that registers them, and what is to be installed for it."""


def environment_of_card(folder: Path, where: str) -> tuple[str | None, tuple[str, ...]]:
    """The environment that the model card in a folder names, if it is registered here, and the note about it.

    Args:
        folder: with a README.md.
        where: the model's name on the hub, for the note.

    Returns:
        The id, or None if the card names none, several, or one that is not registered here; what there is to say.
    """
    path = folder / "README.md"
    if not is_file(path):
        return None, ()
    try:
        named = list(dict.fromkeys(_named_in(_front_matter(path))))
    except RltoolsError as error:
        reason = one_line(error)[:200]
        return None, (f"the model card of {where} cannot be read, so that it names no environment: {reason}",)
    ids = [name for name in named if len(name) <= MAX_ID and _ID.fullmatch(name)]
    if not ids:
        odd = f" {named[0][:MAX_ID]!a}, which is no environment's id" if named else " none"
        return None, (f"the model card of {where} names{odd}",) if named else ()
    registered = [name for name in ids if _is_registered(name)]
    if len(registered) > 1:
        several = f"{', '.join(registered[:3])}; give the one to act in as {argument('env')}"
        return None, (f"the model card of {where} names several environments, {several}",)
    if registered:
        return registered[0], (f"its environment, {registered[0]}, is the one that the model card of {where} names",)
    missing = f"{ids[0]}, which is not registered here; {_install(ids[0])}"
    return None, (f"the model card of {where} names the environment {missing}",)


def _is_registered(env_id: str) -> bool:
    try:
        environment_spec(env_id)
    except RltoolsError:
        return False
    return True


def _front_matter(path: Path) -> Mapping[str, Any]:
    """The YAML between two lines `---` at the start of a card; empty without these."""
    text = read_foreign(path, MAX_CARD, unreadable=ModelError).decode("utf-8", "replace").lstrip("\ufeff")
    fences = _FENCE.finditer(text)
    first, second = next(fences, None), next(fences, None)
    if first is None or second is None or text[: first.start()].strip():
        return {}
    between = text[first.end() : second.start()]
    return parse_yaml(between, str(path)) if between.strip() else {}


def _named_in(card: Mapping[str, Any]) -> Iterator[str]:
    """The names of data sets that results were measured on, which for agents are environments."""
    for model in _mappings(card.get("model-index")):
        for result in _mappings(model.get("results")):
            dataset = result.get("dataset")
            if isinstance(dataset, dict):
                yield from (dataset[key] for key in ("name", "type") if isinstance(dataset.get(key), str))


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (part for part in value[:MAX_RESULTS] if isinstance(part, dict))


def _install(env_id: str) -> str:
    for pattern, module, distribution in _PACKAGES:
        if pattern.fullmatch(env_id):
            return (
                f"the package {distribution} has it: install it, import {module} first (--import {module}), or give "
                f"{argument('env')}"
            )
    return f"import the package that registers it first (--import PACKAGE), or give {argument('env')}"
