"""Finding the card of an environment."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.cards._card import EnvironmentChoice
from rltools.cards._environment import EnvironmentCard, read_environment_card
from rltools.content import list_content
from rltools.errors import ConfigError

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec


def environment_card(spec: EnvSpec) -> EnvironmentCard | None:
    """The card that fits an environment best; None where there is none.

    A card fits when it lists the environment's id, or a pattern such as `MiniGrid-*`, with arguments the environment
    has; other arguments of the environment do not matter. The card that lists most arguments wins, of equals the one of
    the working directory, and of equals in one folder the id before a pattern and a longer pattern before a shorter
    one. It speaks of the environment inside all wrappers.

    Raises:
        ConfigError: a card that lists the id has faults, or two cards of one folder fit equally well. A faulty card of
            other environments is no matter here.
    """
    candidates = [
        (len(choice.kwargs), path, _exactness(choice), card)
        for path in list_content("envs").values()
        if (card := _of(path, spec.id)) is not None
        for choice in card.environments
        if _fits(choice, spec)
    ]
    if not candidates:
        return None
    most = max(arguments for arguments, *_ in candidates)
    first = next(path.parent for arguments, path, *_ in candidates if arguments == most)
    here = [entry for entry in candidates if entry[0] == most and entry[1].parent == first]
    exact = max(exactness for _, _, exactness, _ in here)
    best = [(path, card) for _, path, exactness, card in here if exactness == exact]
    rivals = sorted({path.name for path, _ in best})
    if len(rivals) > 1:
        raise ConfigError(f"{first}: {' and '.join(rivals)} both describe {spec.id}; keep one of them")
    return best[0][1]


def _of(path: Path, env_id: str) -> EnvironmentCard | None:
    """The card in a file that speaks of an environment; None where it speaks of others.

    Raises:
        ConfigError: it speaks of this one, and has faults.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        letters = (re.sub(r"[^a-z]", "", name.lower()) for name in (path.stem, env_id))
        return read_environment_card(path) if next(letters) in next(letters) else None
    ids = re.findall(r"""\bid["']?: *["']?([^\s"',}]+)""", text)
    # Only what speaks of this environment is read, because it is quicker.
    if env_id not in text and not any("*" in listed and fnmatchcase(env_id, listed) for listed in ids):
        return None
    try:
        return _read(path)
    except ConfigError:
        if not ids or any(fnmatchcase(env_id, listed) for listed in ids):
            raise
        return None


def _read(path: Path) -> EnvironmentCard:
    # Strict YAML takes a millisecond for each entry, and some cards have hundreds; a changed file is read again.
    try:
        stamp = path.stat()
    except OSError:
        return read_environment_card(path)
    return _read_once(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache
def _read_once(path: Path, changed: int, size: int) -> EnvironmentCard:
    return read_environment_card(path)


def _exactness(choice: EnvironmentChoice) -> tuple[bool, int]:
    return ("*" not in choice.id, len(choice.id))


def _fits(choice: EnvironmentChoice, spec: EnvSpec) -> bool:
    return fnmatchcase(spec.id, choice.id) and all(
        name in spec.kwargs and spec.kwargs[name] == value for name, value in choice.kwargs.items()
    )
