"""Sets a key of an experiment's content, wherever it is: `episodes`, `agents.ppo.environment.kwargs.gravity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rltools._util.text import did_you_mean
from rltools._util.yaml import MAX_DEPTH, parse_yaml
from rltools.cards.content import MAX_NAME
from rltools.errors import ConfigError

Position = tuple[str | int, ...]
"""Where a value is: the key or the position in each mapping and list that leads to it."""
NAMES = ("name", "model", "id")
"""The keys by whose value an element of a list is named."""


class KeyPathError(ValueError):
    """A key leads nowhere; the message says where it stops."""


def changed(content: dict[str, Any], changes: Sequence[str]) -> list[str]:
    """Set keys of `content` from texts `key=value`; values are YAML: numbers, texts, lists.

    Args:
        content: the content of a file, which is changed.
        changes: the texts; a key leads inwards with dots, through lists by position or name: `methods.0.references=8`.

    Returns:
        All faults: a text without `=`, a key that leads nowhere or is changed twice, and a value that is not YAML.
    """
    faults: list[str] = []
    earlier: dict[Position, str] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        quoted = shortened(change)
        if not equals or not key:
            faults.append(f"{quoted!r} is not a change; write key=value, for instance episodes=5")
            continue
        try:
            position = set_key(content, key, parse_yaml(f"value: {value}", f"the change {quoted!r}")["value"])
        except (ConfigError, KeyPathError) as error:
            faults.append(str(error) if isinstance(error, ConfigError) else f"{quoted!r}: {error}")
            continue
        for other, text in earlier.items():
            if other[: len(position)] == position:
                faults.append(
                    f"{shortened(key)} is changed twice; leave {quoted!r} or {text!r} out"
                    if other == position
                    else f"{quoted!r} replaces what {text!r} has changed; give it first"
                )
        earlier[position] = quoted
    return faults


def shortened(text: str) -> str:
    """A text for a message, cut at 200 characters."""
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."


def set_key(content: dict[str, Any], key: str, value: Any) -> Position:
    """Set a key of content, where elements of lists are named by position or by name; returns its position.

    A text that stands for a mapping, such as the name of an agent, becomes one if a key leads into it.

    Raises:
        KeyPathError: there is no such element, or a value on the way has no keys.

    Example:
        >>> from rltools.experiments._changes import set_key
        >>> content = {"agents": ["cartpole-ppo"]}
        >>> set_key(content, "agents.cartpole-ppo.environment.kwargs.sutton_barto_reward", True)
        ('agents', 0, 'environment', 'kwargs', 'sutton_barto_reward')
        >>> content
        {'agents': [{'model': 'cartpole-ppo', 'environment': {'kwargs': {'sutton_barto_reward': True}}}]}
    """
    parts = key.split(".", maxsplit=MAX_DEPTH)
    holder: Any = content
    position: Position = ()
    while True:
        where = ".".join(map(str, position))
        index, used = _element(holder, parts, where) if isinstance(holder, list) else (parts[0], 1)
        position, parts = (*position, index), parts[used:]
        if not parts:
            holder[index] = value
            return position
        inner = holder.get(index) if isinstance(holder, dict) else holder[index]
        if inner is None:
            inner = {}
        elif isinstance(inner, str) and (word := _short_for(position)):
            inner = {word: inner}
        if not isinstance(inner, dict | list):
            raise KeyPathError(f"{'.'.join(map(str, position))[:MAX_NAME]} holds {inner!r:.200}, which has no keys")
        holder[index] = inner
        holder = inner


def _element(elements: list[Any], parts: list[str], where: str) -> tuple[Any, int]:
    """The position of an element in a list, and how many parts of a key name it: names may have dots."""
    if parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 10:
        if int(parts[0]) < len(elements):
            return int(parts[0]), 1
        last = f", of which the last is {len(elements) - 1}" if elements else ""
        raise KeyPathError(f"{where} has {len(elements)} elements{last}, and {parts[0][:MAX_NAME]} is none of them")
    names = [_names(element) for element in elements]
    for used in range(len(parts), 0, -1):
        name = ".".join(parts[:used])
        positions = [index for index, own in enumerate(names) if name in own]
        if len(positions) == 1:
            return positions[0], used
        if positions:
            raise KeyPathError(
                f"{where} has {len(positions)} elements called {name[:MAX_NAME]}; give the position of one, "
                f"{' or '.join(map(str, positions))}"
            )
    listed = list(dict.fromkeys(name for own in names for name in own))
    raise KeyPathError(
        f"{where} has no element {parts[0][:MAX_NAME]!r}; give its position from 0, or its name: "
        f"{did_you_mean(parts[0], listed, count=1)}"
    )


def _names(element: Any) -> list[str]:
    if isinstance(element, str):
        return [element]
    values = [element.get(key) for key in NAMES] if isinstance(element, dict) else []
    return [value for value in values if isinstance(value, str)]


def _short_for(position: Position) -> str:
    """The key of a mapping for which a text may stand at a position; "" if it stands for itself."""
    if position[-1] == "environment" or (len(position) == 2 and position[0] == "environments"):
        return "id"
    return {"agents": "model", "methods": "name"}.get(str(position[0]), "") if len(position) == 2 else ""
