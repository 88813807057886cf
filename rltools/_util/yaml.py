"""Reads YAML of unknown origin as plain data, and validates it with pydantic models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.parser import Parser

from rltools._util.console import as_text
from rltools._util.foreign_files import read_foreign
from rltools._util.text import cut, nearest_names, plural
from rltools.errors import ConfigError

MAX_BYTES = 200_000
MAX_WORDS = 30_000
MAX_VALUES = 8_000
MAX_DEPTH = 20
MAX_DIGITS = 100
MAX_FAULTS = 50
MAX_QUOTED = 80
"""Characters of a key or a value that an error quotes."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"[-+]?(0x[0-9a-fA-F_]+|[0-9_.:eE+-]+)")
_CORE_TAGS = {None} | {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")}

M = TypeVar("M", bound=BaseModel)

_WHOLE, _LIST, _MAPPING = "must be a whole number", "must be a list", "must be `key: value`s"
_PLAIN = {
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), _WHOLE),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type"), _MAPPING),
    **dict.fromkeys(("string_too_short", "too_short"), "must not be empty"),
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le:,}",
    "too_long": "must have no more than {max_length} entries",
    "invalid-json-value": "must be a text, a number, true, false, null, a list or `key: value`s",
}
"""Plain words for pydantic's types of errors; every minimum length in our models is 1."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML 1.2 file of UTF-8 text, as plain data. Nothing in it is executed.

    `1e-3` is a number and `no` is a string, as in YAML 1.2.

    Raises:
        ConfigError: a file that cannot be read or is larger than 200 kB, and all that `parse_yaml` refuses.
    """
    content = read_foreign(path, MAX_BYTES, unreadable=ConfigError)
    try:
        return parse_yaml(content.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping in YAML text; `where` names the text in errors.

    Raises:
        ConfigError: a syntax error, a duplicate key, an alias, an anchor, a merge key, a directive, a tag beyond the
            core ones, several documents, more than 200 kB, 30,000 words, 8,000 values or 20 levels, a number of more
            than 100 digits, or anything but a mapping.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ConfigError(f"{where} is larger than {MAX_BYTES:,} bytes; cards and experiment files are a few thousand")
    if len(text.split(maxsplit=MAX_WORDS)) > MAX_WORDS:
        raise ConfigError(f"{where} has more than {MAX_WORDS:,} words; cards and experiment files have a few hundred")
    try:
        data = load_model(text, lambda walk: _check(walk, where))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f"{where}, line {mark.line + 1}" if mark is not None else where
        raise ConfigError(f"{position}: {' '.join(str(error.problem or error.context).split())}") from error
    except (YAMLError, ValueError, LookupError, TypeError) as error:
        # The last three come from values that do not match their tag, and from keys that cannot be hashed.
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{where} holds {type(data).__name__ if data is not None else 'nothing'}, not `key: value`s")
    return data


@dataclass
class EventWalk:
    """The state of a walk over the events of YAML text, the current event included.

    Attributes:
        event: the current one.
        events: how many there were.
        values: how many of them are keys and values.
        documents: how many documents have begun.
        depth: how many lists and mappings the event is in.
    """

    event: Event
    events: int = 0
    values: int = 0
    documents: int = 0
    depth: int = 0

    def step(self, event: Event) -> EventWalk:
        """Count one more event."""
        self.event = event
        self.events += 1
        self.values += isinstance(event, NodeEvent)
        self.documents += isinstance(event, DocumentStartEvent)
        self.depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        return self


def load_model(text: str, check: Callable[[EventWalk], None], constructor: type[SafeConstructor] | None = None) -> Any:
    """The data in YAML text, each event of which is checked before anything is built from it.

    Args:
        text: YAML.
        check: called after each event, in order; it raises an error to refuse the text.
        constructor: of values; the safe one by default.
    """
    walk = EventWalk(Event())

    class Checked(Parser):
        def get_event(self) -> Any:
            event = super().get_event()
            check(walk.step(event))
            return event

    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = Checked
    if constructor is not None:
        yaml.Constructor = constructor
    return yaml.load(text)


def _check(walk: EventWalk, where: str) -> None:
    """Refuse anything but plain data, and too much of it; the message names the line."""
    fault = _fault(walk.event)
    if walk.documents > 1:
        fault = "a second document begins; keep one in each file"
    elif walk.depth > MAX_DEPTH:
        fault = f"nested more than {MAX_DEPTH} levels deep"
    elif walk.values > MAX_VALUES:
        fault = f"more than {MAX_VALUES:,} keys and values; cards and experiment files have a few hundred"
    if fault:
        raise ConfigError(f"{where}, line {walk.event.start_mark.line + 1}: {fault}")


def _fault(event: Event) -> str | None:
    if isinstance(event, DocumentStartEvent):
        return "directives (%YAML, %TAG) are not allowed" if event.version or event.tags else None
    if isinstance(event, AliasEvent):
        return f"the alias *{cut(event.anchor, MAX_QUOTED)} is not allowed; write the value out"
    if isinstance(event, NodeEvent) and event.anchor is not None:
        return f"the anchor &{cut(event.anchor, MAX_QUOTED)} is not allowed; write the value out where it is needed"
    if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag not in _CORE_TAGS:
        return f"the tag {cut(str(event.tag), MAX_QUOTED)} is not allowed; this file is read as plain data"
    return _scalar_fault(event) if isinstance(event, ScalarEvent) else None


def _scalar_fault(event: ScalarEvent) -> str | None:
    if event.value == "<<" and event.implicit[0]:
        return "the merge key << is not allowed; write the keys out"
    if not event.value.isascii() and _SURROGATE.search(event.value):
        return "half of a character; write the whole one"
    return long_number(event)


def long_number(event: Event) -> str | None:
    """The fault of a number that is too long for Python to print; None for anything else."""
    if not isinstance(event, ScalarEvent) or not event.implicit[0] or len(event.value) <= MAX_DIGITS:
        return None
    if _NUMBER.fullmatch(event.value) is None:
        return None
    return f"a number of {len(event.value):,} digits, above the limit of {MAX_DIGITS}"


def validate(model: type[M], data: Any, path: Path, earlier: Sequence[str] = ()) -> M:
    """Validate `data` with a `model`, which should be strict and forbid extra keys.

    Args:
        model: what the data must be.
        data: from a file.
        path: of the file, for the message.
        earlier: faults that were seen before, which the message lists first.

    Raises:
        ConfigError: lists all faults, each with its key and value, and the nearest valid key for an unknown one.
    """
    valid, faults = validated(model, data)
    if valid is None or earlier:
        raise faults_error(path, [*earlier, *faults])
    return valid


def validated(model: type[M], data: Any) -> tuple[M | None, list[str]]:
    """Data validated with a model, as `validate` does, or None and all its faults."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [as_text(_describe(model, data, details)) for details in error.errors(include_url=False)]


def faults_error(path: Path, faults: Sequence[str]) -> ConfigError:
    """The error that lists the faults of a file, up to `MAX_FAULTS` of them."""
    if len(faults) == 1:
        return ConfigError(f"{path}: {faults[0]}")
    more = [f"and {len(faults) - MAX_FAULTS} more"] if len(faults) > MAX_FAULTS else []
    lines = [f"{as_text(path)}: {plural(len(faults), 'fault')}"]
    return ConfigError("\n".join([*lines, *(f"  {line}" for line in [*faults[:MAX_FAULTS], *more])]))


def _describe(model: type[BaseModel], data: Any, details: Any) -> str:
    location, plain = details["loc"], _PLAIN.get(details["type"])
    message = plain.format(**details.get("ctx", {})) if plain else details["msg"].removeprefix("Value error, ")
    where = _key_path(data, location, missing=details["type"] == "missing")
    if details["type"] == "missing":
        return f"{where}: missing"
    if details["type"] == "extra_forbidden":
        keys = _valid_keys(model, location[:-1])
        near = nearest_names(str(location[-1]), keys, count=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
        return f"{where}: unknown key; {hint}"
    value = repr(details["input"])
    quoted = isinstance(details["input"], dict) or value in message
    ending = "" if quoted else f", not {cut(value, MAX_QUOTED)}"
    return f"{where}: {message[0].lower() + message[1:]}{ending}"


def _key_path(data: Any, location: tuple[int | str, ...], *, missing: bool) -> str:
    """The location in the file, without the branches of unions that pydantic adds to it."""
    path = ""
    for position, part in enumerate(location):
        absent = missing and position == len(location) - 1
        inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if absent or inside or (isinstance(data, dict) and part in data):
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
            data = None if absent else data[part]
    return cut(path.removeprefix("."), MAX_QUOTED) or "the whole file"


def _valid_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    models = [model]
    for part in location:
        annotations = [parent.model_fields[part].annotation for parent in models if part in parent.model_fields]
        models = [child for annotation in annotations for child in _models(annotation)] or models
    return sorted({key for leaf in models for key in leaf.model_fields})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation such as `tuple[Entry, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
