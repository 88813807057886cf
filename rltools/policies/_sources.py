"""Finds a model that is given by a name, a path or the id of one on a hub, and what its card says of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.foreign_files import MIB, foreign_sha256, path_exists
from rltools.cards.content import content_path, find_content
from rltools.envs import with_arguments, wrapped_spec
from rltools.errors import (
    ChecksumError,
    ModelError,
    SimulationError,
    UnsafeFileError,
)
from rltools.policies.env_info import elsewhere_note, inspect_env
from rltools.policies.hub import fetch
from rltools.policies.library import LoadOptions

if TYPE_CHECKING:
    from rltools.cards import AgentCard

MAX_FILE = 256 * MIB
"""Most bytes of a model's file, or of its statistics."""
MAX_PATH = 300
"""Characters of a missing path in a message."""


def from_hub(source: str, options: LoadOptions) -> tuple[Path, LoadOptions]:
    """A model of a hub, and how its model card says to load it."""
    fetched = fetch(source)
    environment, notes = options.environment, [fetched.note]
    if environment is None:
        notes += fetched.notes
        if fetched.environment is not None:
            try:
                environment = inspect_env(fetched.environment)
            except SimulationError as error:
                notes.append(f"{fetched.environment} cannot be made here: {' '.join(str(error).split())[:300]}")
    elif fetched.environment is not None:
        notes += elsewhere_note(fetched.environment, {}, environment)
    return fetched.path, dataclasses.replace(
        options,
        name=options.name or fetched.name,
        notes=tuple(notes),
        environment=environment,
        from_model_card=options.environment is None,
    )


def local_path(source: str | Path) -> Path:
    """The path of a model or an agent's folder on this machine."""
    text = str(source)
    if isinstance(source, str) and not text.strip():
        raise ModelError(
            f"the agent is {text!r}: nothing, as of a variable that is not set; give the path of a model's .zip or "
            f"folder, an agent's name, or hf:ORG/NAME for a model of a hub"
        )
    if isinstance(source, str) and (content := content_path("agents", text)):
        return content
    path = Path(source)
    # Stable-Baselines3 lets the ending be left out, in load() as in save().
    for candidate in (path, Path(f"{text}.zip")):
        if path_exists(candidate) and "\0" not in text:
            return candidate
    if isinstance(source, str) and (advice := _elsewhere(text)):
        raise ModelError(f"{text[:MAX_PATH]} is not a path on this machine; {advice}")
    if isinstance(source, Path) or path.suffix == ".zip" or "/" in text or "\\" in text:
        raise ModelError(
            f"there is nothing at {text[:MAX_PATH]}; give the path of a model's .zip or folder, an agent's name, or "
            f"hf:ORG/NAME for a model of a hub"
        )
    return find_content("agents", text)


def _elsewhere(text: str) -> str:
    """Advice for an address in place of a path; "" for anything else."""
    scheme, colon, address = text.partition("://")
    if text.startswith("~"):
        return f"'~' is for shells: give {Path(text).expanduser()}" if text.startswith(("~/", "~\\")) else ""
    if not colon or not scheme.isalnum():
        return ""
    host, _, name = address.partition("/")
    if scheme == "file":
        return "give the path alone, without file://"
    if host in ("huggingface.co", "hf.co") and re.fullmatch(r"[\w.-]+/[\w.-]+/?", name):
        return f"a model of the hub is hf:{name.strip('/')}"
    return "fetch the file, and give the path of it; a model of a hub is hf:ORG/NAME"


def from_card(folder: Path, options: LoadOptions) -> tuple[Path, LoadOptions]:
    """The model of an agent's folder, and how its card says to load it."""
    from rltools.cards import read_agent_card

    card = read_agent_card(folder)
    model = folder / card.model.file
    _check_sha256(model, card.model.sha256)
    normalize = options.normalize
    if card.model.normalize is not None and normalize is None:
        normalize = folder / card.model.normalize
        _check_sha256(normalize, card.model.normalize_sha256)
    try:
        options = _in_its_environment(card, options)
    except SimulationError as error:
        raise SimulationError(f"{folder / 'agent.yaml'}: {error}") from error
    return model, dataclasses.replace(
        options,
        name=options.name or card.name,
        normalize=normalize,
        layout=options.layout or card.model.layout,
        activation=options.activation or card.model.activation,
        strides=options.strides or card.model.strides,
        head=options.head or card.model.head,
    )


def _in_its_environment(card: AgentCard, options: LoadOptions) -> LoadOptions:
    trained = card.environment
    normalized = card.model.normalize is not None
    if options.environment is None:
        wrappers = [(wrapper.name, wrapper.kwargs) for wrapper in trained.wrappers]
        env_info = inspect_env(wrapped_spec(with_arguments(trained.id, trained.kwargs), wrappers))
        return dataclasses.replace(options, environment=env_info, normalized=normalized)
    names = [wrapper.name.rpartition(":")[2] for wrapper in trained.wrappers]
    notes = options.notes + elsewhere_note(trained.id, trained.kwargs, options.environment, names)
    return dataclasses.replace(options, normalized=normalized, notes=notes)


def _check_sha256(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    try:
        actual = foreign_sha256(path, MAX_FILE, unreadable=ModelError, unfit=UnsafeFileError)
    except ModelError as error:
        raise type(error)(f"{error}; the card in {path.parent} names it") from error
    if actual != expected:
        raise ChecksumError(
            f"{path} is not the file its card names: sha256 {actual}, expected {expected}; fetch it again, or write "
            f"the new sha256 into the card if the file is yours"
        )
