"""The keyword arguments of `load_policy`, for whatever passes them on, keeps them, or writes the command for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from rltools.policies.bounds import Bounds
from rltools.spaces.rename import Names

if TYPE_CHECKING:
    import torch


class LoadArguments(TypedDict, total=False):
    """The keyword arguments of `load_policy`."""

    normalize: Any
    dtype: torch.dtype | None
    trust: str | Iterable[str] | None
    device: str | None
    bounds: Bounds
    name: str | None
    names: Names | None
    units: Names | None
    action_names: Sequence[str] | None
    layout: str | None
    activation: str | None
    strides: Sequence[int] | None
    head: str | None
    check: Any


_OF_A_CALL = ("dtype", "device", "trust")
"""Arguments that depend on who loads, and where."""


def loaded_from(source: Any, environment: str, loading: LoadArguments) -> dict[str, Any]:
    """What a recording keeps of how an agent was loaded, as JSON; {} if it was not loaded by its name or its path.

    Args:
        source: the argument of `load_policy`.
        environment: the name of the one it was loaded with; "" for its own.
        loading: the other arguments.

    Returns:
        `source`, the text that was given; if there are any, `environment`, `loading`, its arguments that are plain
        values, `live`, the names of the others, and `trusted`.

    >>> loaded_from("model.zip", "", {"normalize": False, "bounds": "same", "trust": None})
    {'source': 'model.zip', 'loading': {'normalize': False}}
    """
    if not isinstance(source, str | Path):
        return {}
    changed = {name: value for name, value in loading.items() if value is not None and (name, value) != _SAME_BOUNDS}
    plain = {name: _plain(value) for name, value in changed.items() if name not in _OF_A_CALL}
    parts = {
        "environment": environment,
        "loading": {name: value for name, value in plain.items() if value is not None},
        "live": [name for name, value in plain.items() if value is None],
        "trusted": "trust" in changed,
    }
    return {"source": str(source)} | {name: value for name, value in parts.items() if value}


_SAME_BOUNDS = ("bounds", "same")


def _plain(value: Any) -> Any:
    """A value as JSON has it; None if it is a live object."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        value = {str(key): each for key, each in value.items()}
    elif isinstance(value, Sequence) and not isinstance(value, str):
        value = list(value)
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None


_FLAGS = {"units": "--feature-units"}
"""Options that are not called as their arguments are."""


def loading_words(loading: LoadArguments) -> list[str]:
    """The options of a command that give the same arguments; a live object is a placeholder in capital letters.

    >>> loading_words({"normalize": False, "names": ["x", "speed"], "units": {2: "m/s"}, "trust": ["0" * 64]})[:6]
    ['--normalize', 'none', '--names', 'x,speed', '--feature-units', '2=m/s']
    """
    words: list[str] = []
    for name, value in loading.items():
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        if value is None or name == "dtype" or (name, value) == _SAME_BOUNDS:
            continue
        if name == "trust":
            hashes = [value] if isinstance(value, str) else value
            words += [word for sha256 in hashes for word in (flag, str(sha256))]  # type: ignore[attr-defined]
        elif value is False:
            words += [flag, "none"]
        else:
            words += [flag, _word(name, value)]
    return words


def _word(name: str, value: Any) -> str:
    """A value as it is typed; names with a comma or an equals sign are written as JSON."""
    if isinstance(value, str | Path | int | float):
        return str(value)
    if isinstance(value, Mapping):
        pairs = {str(key): each for key, each in value.items()}
        parts = [f"{key}={each}" for key, each in pairs.items()]
        simple = all(isinstance(each, str) for each in pairs.values()) and all(part.count("=") == 1 for part in parts)
        fallback: Any = pairs
    elif isinstance(value, Sequence):
        parts = [str(each) for each in value]
        simple, fallback = all("=" not in part for part in parts), list(value)
    else:
        return name.upper()
    if simple and all("," not in part and part == part.strip() for part in parts):
        return ",".join(parts)
    try:
        return json.dumps(fallback, ensure_ascii=False)
    except (TypeError, ValueError):
        return name.upper()
