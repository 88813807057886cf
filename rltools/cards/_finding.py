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
        ConfigError: a card that mentions the id has faults, or two cards of one folder fit equally well.
    """
    candidates = [
        (len(choice.kwargs), path, _exactness(choice), card)
        for path in list_content("envs").values()
        if _mentions(path, spec.id)
        for card in [_read(path)]
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


def _read(path: Path) -> EnvironmentCard:
    # Strict YAML takes a millisecond for each entry, and some cards have hundreds; a changed file is read again.
    try:
        content = path.read_bytes()
    except OSError:
        return read_environment_card(path)
    return _read_once(path, content)


@lru_cache
def _read_once(path: Path, content: bytes) -> EnvironmentCard:
    return read_environment_card(path)


def _mentions(path: Path, env_id: str) -> bool:
    # Only what speaks of this environment is read: it is quicker, and one broken card does not stop all others.
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return True  # reading it as a card says what is wrong
    patterns = re.findall(r"\bid: *[\"']?([^\s\"',}]*\*[^\s\"',}]*)", text)
    return env_id in text or any(fnmatchcase(env_id, pattern) for pattern in patterns)


def _exactness(choice: EnvironmentChoice) -> tuple[bool, int]:
    return ("*" not in choice.id, len(choice.id))


def _fits(choice: EnvironmentChoice, spec: EnvSpec) -> bool:
    return fnmatchcase(spec.id, choice.id) and all(
        name in spec.kwargs and spec.kwargs[name] == value for name, value in choice.kwargs.items()
    )
