"""The two .yml files of rl-baselines3-zoo, read without obeying them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from rltools._util.yaml import load_model, long_number
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.sb3.archive._pickle import shown
from rltools.policies.sb3.archive._zip import read_file

MAX_BYTES = 100_000
MAX_DEPTH = 20
MAX_EVENTS = 5_000


def read_zoo_yaml(path: Path) -> dict[str, Any]:
    """The `key: value`s of a zoo's file. Of all tags only the OrderedDict it is wrapped in means anything.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: another tag, an alias, more than 100 kB, 20 levels or 5,000 values.
    """
    text = read_file(path, MAX_BYTES).decode("utf-8", "replace")
    try:
        data = load_model(text, _Checks(path), _ZooConstructor)
    except ConstructorError as error:
        raise UnsafeFileError(
            f"{path} wants more than plain data: {shown(error.problem)}; it was NOT run. Remove what it wants from the "
            f"file if you know it to be harmless, or move the model out of this folder"
        ) from error
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{path} is not as rl-baselines3-zoo writes it: {shown(reason)}; mend it, or move the model out of this "
            f"folder"
        ) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ModelError(
            f"{path} holds no `key: value`s; rl-baselines3-zoo writes some. Mend it, or move the model out of this "
            f"folder"
        )
    return data


class _ZooConstructor(SafeConstructor):
    """Safe YAML, with the one tag that the zoo's files carry."""

    def ordered_dict(self, node: Any) -> dict[Any, Any]:
        """The pairs that an OrderedDict was written as."""
        (pairs,) = self.construct_sequence(node, deep=True)
        return dict(pairs)


_ZooConstructor.add_constructor(
    "tag:yaml.org,2002:python/object/apply:collections.OrderedDict", _ZooConstructor.ordered_dict
)


class _Checks:
    """Refuses what the zoo never writes, and far more than it does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._depth = self._events = 0

    def __call__(self, event: Event) -> None:
        if fault := long_number(event):
            raise UnsafeFileError(f"{self._path} holds {fault}; not read. Fix it, or move the model out of this folder")
        self._events += 1
        self._depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent) or self._depth > MAX_DEPTH or self._events > MAX_EVENTS:
            raise UnsafeFileError(
                f"{self._path} has an alias, more than {MAX_DEPTH} levels or more than {MAX_EVENTS:,} values, which "
                f"rl-baselines3-zoo never writes; not read. Fix it, or move the model out of this folder"
            )
