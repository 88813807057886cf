"""Finds the card of an environment among all cards."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.foreign_files import read_foreign
from rltools._util.yaml import MAX_BYTES
from rltools.cards._card import EnvironmentChoice
from rltools.cards._environment import EnvironmentCard, read_environment_card
from rltools.cards.content import list_content
from rltools.errors import ConfigError

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

MAX_CHARACTERS = 10_000_000
"""Length of all cards together."""
MAX_IDS = 1_000
_LISTED = re.compile(r"""\bid["']?: *["']?([^\s"',}]{1,200})""")
# Ids may also stand in the list alone, as plain texts.
_BEGIN = re.compile(r"^environments:", re.MULTILINE)
_NEXT_KEY = re.compile(r"^\w", re.MULTILINE)
_WORDS = re.compile(r"""[^\s"',:\[\]{}-][^\s"',\[\]{}]{0,200}(?<!:)""")


class CardWarning(UserWarning):
    """A card that cannot be read is ignored."""


def environment_card(spec: EnvSpec) -> EnvironmentCard | None:
    """The card that matches an environment best; None if there is none.

    A card matches when it lists the environment's id, or a pattern such as `MiniGrid-*`, with arguments the environment
    has; other arguments of the environment do not matter. The card that lists most arguments wins. Ties go to the card
    in the working directory, then to an id before a pattern and to a longer pattern before a shorter one. A card
    describes the environment inside all wrappers.

    Raises:
        ConfigError: a card that lists the id has faults, or two cards of one folder match equally well. Faulty cards of
            other environments do not matter.
    """
    candidates = [
        (len(choice.kwargs), path, _exactness(choice), card)
        for path, card in _cards_listing(spec.id)
        for choice in card.environments
        if _matches(choice, spec)
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
    # Strict YAML takes a millisecond per element, and some cards have hundreds; a changed file is read again.
    try:
        content = path.read_bytes()
    except OSError:
        return read_environment_card(path)
    return _read_once(path, content)


@lru_cache
def _read_once(path: Path, content: bytes) -> EnvironmentCard:
    return read_environment_card(path)


def _cards_listing(env_id: str) -> Iterator[tuple[Path, EnvironmentCard]]:
    """The cards that list an environment; for speed no others are parsed.

    Raises:
        ConfigError: one of them has faults, or the cards are too large to search.
    """
    paths, budget = list_content("envs"), MAX_CHARACTERS
    exact = re.compile(rf"(?<![\w./-]){re.escape(env_id)}(?![\w./-])")
    for path in paths.values():
        try:
            text = read_foreign(path, MAX_BYTES, unreadable=ConfigError).decode("utf-8", "replace")
            ids = _ids(text, path)
        except ConfigError as error:
            # Only its file name tells which environment it describes.
            if _letters(path.stem) in _letters(env_id):
                raise
            warnings.warn(f"{error}; the card {path.name} is ignored", CardWarning, stacklevel=3)
            continue
        budget -= len(text)
        if budget < 0:
            raise ConfigError(
                f"{path.parent} holds more than {MAX_CHARACTERS:,} characters of cards, too many to "
                f"search; move files that are not cards elsewhere"
            )
        if exact.search(text) or any("*" in listed and fnmatchcase(env_id, listed) for listed in ids):
            try:
                yield path, _read(path)
            except ConfigError:
                # A faulty card that merely mentions the environment is ignored.
                if not ids or any(fnmatchcase(env_id, listed) for listed in ids):
                    raise


def _ids(text: str, path: Path) -> list[str]:
    """The ids and patterns that a card lists, found in its text."""
    ids = [match[1] for match in islice(_LISTED.finditer(text), MAX_IDS + 1)]
    if len(ids) > MAX_IDS:
        raise ConfigError(f"{path} lists more than {MAX_IDS:,} ids; write a pattern for many of them")
    begin = _BEGIN.search(text)
    if begin is None:
        return ids
    end = _NEXT_KEY.search(text, begin.end())
    plain = _WORDS.finditer(text, begin.end(), len(text) if end is None else end.start())
    return ids + [word[0] for word in islice(plain, MAX_IDS)]


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _exactness(choice: EnvironmentChoice) -> tuple[bool, int]:
    return ("*" not in choice.id, len(choice.id))


def _matches(choice: EnvironmentChoice, spec: EnvSpec) -> bool:
    return fnmatchcase(spec.id, choice.id) and all(
        name in spec.kwargs and _same(spec.kwargs[name], value) for name, value in choice.kwargs.items()
    )


def _same(actual: object, listed: object) -> bool:
    try:
        return bool(actual == listed)
    except (ValueError, TypeError):  # the truth value of an array is ambiguous
        return False
