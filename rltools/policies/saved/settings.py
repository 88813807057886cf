"""The settings that a library writes as JSON beside its weights: plain values by their keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rltools._util.foreign_files import MIB
from rltools.errors import ModelError
from rltools.policies.untrusted.messages import printable

MAX_SETTINGS = 4 * MIB
"""Most bytes of a file of settings."""
MAX_DEPTH, MAX_BITS = 40, 1000
_PLAIN = (bool, int, float, str, type(None))


def plain_settings(content: bytes, where: str) -> dict[str, Any]:
    """The numbers, texts, booleans and lists of these in a JSON object, by their keys joined with dots.

    Args:
        content: of the file.
        where: it is from, for errors.

    Raises:
        ModelError: it is no JSON object, has a key twice, or is nested too deeply.

    Example:
        >>> from rltools.policies.saved.settings import plain_settings
        >>> plain_settings(b'{"env": "CartPole-v1", "network": {"layers": [8, 8]}}', "config.json")
        {'env': 'CartPole-v1', 'network.layers': [8, 8]}
    """
    try:
        return dict(_flat("", json_object(content, where), 0))
    except ValueError as error:
        raise _no_settings(where, error) from error


def json_object(content: bytes, where: str) -> dict[str, Any]:
    """The JSON object in a file of a library.

    Raises:
        ModelError: it is none, or has a key twice.
    """
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise _no_settings(where, error) from error
    if not isinstance(data, dict):
        raise _no_settings(where, ValueError(f"a {type(data).__name__} in place of an object"))
    return data


def _no_settings(where: str, error: Exception) -> ModelError:
    return ModelError(
        f"{where} is not the JSON that a library writes beside weights ({printable(error)}); save it again, or give "
        f"the weights without it"
    )


def number_in(settings: dict[str, Any], key: str, default: float) -> float:
    """A number of some settings; the default if there is none under the key."""
    value = settings.get(key, default)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _flat(key: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels")
    if isinstance(value, list) and not all(isinstance(part, _PLAIN) for part in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), part, depth + 1)
    elif any(
        type(part) is int and part.bit_length() > MAX_BITS for part in (value if type(value) is list else [value])
    ):
        raise ValueError("a number too large for any setting")
    else:
        yield key, value


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a key is in it twice")
    return data
