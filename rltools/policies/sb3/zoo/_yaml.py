"""Reads the .yml files of rl-baselines3-zoo as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent

from rltools._util.text import one_line
from rltools._util.yaml import EventWalk, load_model, long_number
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import read_file

MAX_BYTES = 100_000
MAX_DEPTH = 20
MAX_EVENTS = 5_000


def read_zoo_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a zoo's file. The only tag allowed is the one of the OrderedDict around it.

    Raises:
        ModelError: a file that is not as the zoo writes it.
        UnsafeFileError: another tag, an alias, more than 100 kB, 20 levels or 5,000 values.
    """
    text = read_file(path, MAX_BYTES).decode("utf-8", "replace")
    try:
        data = load_model(text, lambda walk: _check(walk, path), _ZooConstructor)
    except ConstructorError as error:
        raise UnsafeFileError(
            f"{path} wants more than plain data: {printable(error.problem)}; it was NOT run. Remove that from "
            f"the file if you know it to be harmless, or move the model out of this folder"
        ) from error
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        reason = one_line(error)
        raise ModelError(
            f"{path} is not as rl-baselines3-zoo writes it: {printable(reason)}; fix it, or move the model out of this "
            f"folder"
        ) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ModelError(
            f"{path} holds no mapping, and rl-baselines3-zoo writes one. Fix it, or move the model out of this folder"
        )
    return data


class _ZooConstructor(SafeConstructor):
    """Safe YAML with the tag of OrderedDict."""

    def ordered_dict(self, node: Any) -> dict[Any, Any]:
        """The dict that was written as an OrderedDict of pairs."""
        (pairs,) = self.construct_sequence(node, deep=True)
        return dict(pairs)


_ZooConstructor.add_constructor(
    "tag:yaml.org,2002:python/object/apply:collections.OrderedDict", _ZooConstructor.ordered_dict
)


def _check(walk: EventWalk, path: Path) -> None:
    """Refuse what the zoo never writes, and far more than it does."""
    if fault := long_number(walk.event):
        raise UnsafeFileError(f"{path} holds {fault}; not read. Fix it, or move the model out of this folder")
    if isinstance(walk.event, AliasEvent) or walk.depth > MAX_DEPTH or walk.events > MAX_EVENTS:
        raise UnsafeFileError(
            f"{path} has an alias, more than {MAX_DEPTH} levels or more than {MAX_EVENTS:,} values, which "
            f"rl-baselines3-zoo never writes; not read. Fix it, or move the model out of this folder"
        )
