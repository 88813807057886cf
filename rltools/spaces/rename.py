"""Names and units that a caller gives to the elements of an observation, in place of those that they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rltools.errors import ArgumentError, UnknownNameError, argument
from rltools.spaces._features import LISTED, Features
from rltools.spaces.parts import Part, with_lag, without_lag

Names = Sequence[str] | Mapping[str | int, Any]
"""Names or units of an observation's elements; see `rltools.load_policy`."""


@dataclass(frozen=True)
class _Row:
    """Elements that get one text: an element, a choice, or an element at every lag.

    Attributes:
        positions: row-major, of its elements.
        name: today's name.
        is_choice: whether they are the values of a choice, each of which keeps its value behind the name.
        is_lagged: whether they are the lags of one element, each of which keeps its lag behind the name.
    """

    positions: tuple[int, ...]
    name: str
    is_choice: bool = False
    is_lagged: bool = False


def renamed(
    features: Features, names: Names | None = None, units: Names | None = None, *, origin: str = "the argument names"
) -> Features:
    """The same features with other names and units.

    Args:
        features: of an observation.
        names: one for each element in row-major order, for each variable (a choice is one), for each element of one of
            several stacked observations, or for each channel of an image. Or a mapping to such names from today's
            names, positions, or for a Dict or Tuple the paths of its arrays; the others stay.
        units: in the same forms; a mapping may be from the new names.
        origin: see `Features.origins`.

    Raises:
        ArgumentError: another number of names than there are elements, names that are not texts, or equal names.
        UnknownNameError: a mapping from a name that there is not.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> from rltools.spaces import space_features
        >>> features = space_features(Dict(pose=Box(-1, 1, (2,)), gear=Discrete(2)))
        >>> renamed(features, {"pose": ["height", "speed"]}, {"speed": "m/s"}).label(1)
        'speed (m/s)'
        >>> renamed(features, ["height", "speed", "low", "high"]).names
        ('height', 'speed', 'low', 'high')
        >>> renamed(features, ["height"])
        Traceback (most recent call last):
            ...
        rltools.errors.ArgumentError: names= has 1 text, and the observation has 4 elements (pose/0, pose/1, gear=0, ...
    """
    old = features
    if names is not None:
        features = _with_channels(features, names) or _with_names(features, names, origin)
    if units is not None:
        features = _with_units(features, units, old)
    return features


def _with_names(features: Features, names: Names, origin: str) -> Features:
    made, choices = list(features.names), _choice_names(features)
    renamed_choices: dict[int, str] = {}
    origins = list(features.origins or ("",) * features.size)
    for row, text in _pairs(features, names, "names"):
        for position in row.positions:
            name = text
            lag = int(features.lags[position])
            if row.is_choice:
                name = f"{text}={_value(features, position, choices)}"
            made[position] = with_lag(name, lag) if row.is_lagged else name
            origins[position] = origin
        if row.is_choice:
            own = {start: with_lag(text, int(features.lags[start])) if row.is_lagged else text for start in choices}
            renamed_choices |= {start: name for start, name in own.items() if start in row.positions}
    choices |= renamed_choices
    named = replace(features, given_names=tuple(made), origins=tuple(origins))
    named = replace(named, choices=tuple(choices[start] for start in sorted(choices))) if choices else named
    return replace(named, named_groups=_renamed_groups(features, named))


def _renamed_groups(features: Features, named: Features) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The groups of features with the new names of their members."""
    if not features.named_groups:
        return ()
    before = {name: tuple(map(int, positions)) for name, positions in features.variables()}
    after = {tuple(map(int, positions)): name for name, positions in named.variables()}
    names = {name: after[positions] for name, positions in before.items() if positions in after}
    names |= dict(zip(features.names, named.names, strict=True))
    return tuple(
        (group, tuple(names.get(member, member) for member in members)) for group, members in features.named_groups
    )


def _value(features: Features, position: int, choices: Mapping[int, str]) -> str:
    """What today's name of a value of a choice says after the name of the choice."""
    lag = int(features.lags[position])
    choice = without_lag(choices[max(start for start in choices if start <= position)], lag)
    return without_lag(features.names[position], lag).removeprefix(f"{choice}=")


def _with_units(features: Features, units: Names, old: Features) -> Features:
    made = list(features.units or ("",) * features.size)
    for row, text in _pairs(features, units, "units", old):
        for position in row.positions:
            made[position] = text
    return replace(features, units=tuple(made))


def _with_channels(features: Features, names: Names) -> Features | None:
    """An image whose channels are named; None if these are not names of channels."""
    if isinstance(names, Mapping) or not features.is_image or "channel" not in features.dims or features.is_nested:
        return None
    if len(names) != features.shape[features.dims.index("channel")] or len(names) == features.size:
        return None
    return replace(features, channels=(_texts(names, "names"),))


def _pairs(features: Features, texts: Names, kind: str, old: Features | None = None) -> Iterator[tuple[_Row, str]]:
    """The rows that get a text, each with it."""
    if isinstance(texts, Mapping):
        for key, value in texts.items():
            yield from _keyed(features, key, value, kind, old)
        return
    listed = _texts(texts, kind)
    rows = next((rows for rows in _ways(features) if len(rows) == len(listed)), None)
    if rows is None:
        raise _wrong_number(features, len(listed), kind)
    yield from zip(rows, listed, strict=True)


def _ways(features: Features) -> Iterator[list[_Row]]:
    """How the elements of an observation can be counted: each, by variables, and those of a single frame of a stack."""
    yield [_Row((position,), name) for position, name in enumerate(features.names)]
    if features.has_images:
        return
    rows = _variables(features)
    yield rows
    yield _frames(rows, features)


def _variables(features: Features) -> list[_Row]:
    """A row for each element, and one for each choice."""
    pairs = features.groups(merged=True)
    return [
        _Row(tuple(map(int, positions)), name, is_choice=_is_choice(features, positions)) for name, positions in pairs
    ]


def _is_choice(features: Features, positions: np.ndarray) -> bool:
    return (int(positions[0]), int(positions[-1]) + 1) in features.choice_slices


def _frames(rows: list[_Row], features: Features) -> list[_Row]:
    """Rows whose lags are one, in the order of the latest frame; the same rows for a single frame."""
    frames: dict[int, list[_Row]] = {}
    for row in rows:
        frames.setdefault(int(features.lags[row.positions[0]]), []).append(row)
    counts = {len(frame) for frame in frames.values()}
    if len(frames) < 2 or len(counts) > 1:
        return rows
    latest = frames[min(frames)]
    return [
        _Row(
            tuple(position for frame in frames.values() for position in frame[number].positions),
            without_lag(row.name, min(frames)),
            row.is_choice,
            is_lagged=True,
        )
        for number, row in enumerate(latest)
    ]


def _keyed(features: Features, key: object, value: Any, kind: str, old: Features | None) -> Iterator[tuple[_Row, str]]:
    """The rows that an entry of a mapping is about, with their texts."""
    part = _part_at(features, key, value)
    if part is not None:
        yield from _in_part(features, part, value, kind)
    elif isinstance(value, Mapping) and isinstance(key, str | int):  # a Dict in a Dict
        for inner, texts in value.items():
            yield from _keyed(features, f"{key}/{inner}", texts, kind, old)
    elif not isinstance(value, str):
        raise ArgumentError(
            f"{argument(kind)} has {value!r:.80} for {key!r:.80}, which is no array of the observation; give a text"
        )
    elif isinstance(key, str):
        yield _row_named(features, key, old), value
    else:
        yield _row_at(features, key, kind), value


def _part_at(features: Features, key: object, value: Any) -> Part | None:
    """The array at a path, if the entry is about a whole array."""
    part = next((part for part in features.parts if features.is_nested and part.leaf.name == str(key)), None)
    return None if part is None or (isinstance(value, str) and part.stop - part.start > 1) else part


def _in_part(features: Features, part: Part, value: Any, kind: str) -> Iterator[tuple[_Row, str]]:
    size = part.stop - part.start
    if isinstance(value, Mapping):
        for key, text in value.items():
            inside = isinstance(key, int) and 0 <= key < size
            yield from _keyed(features, part.start + key if inside else key, text, kind, None)
        return
    listed = _texts([value] if isinstance(value, str) else value, kind)
    elements = [_Row((position,), features.names[position]) for position in range(part.start, part.stop)]
    variables = [row for row in _variables(features) if part.start <= row.positions[0] < part.stop]
    rows = next((rows for rows in (elements, variables) if len(rows) == len(listed)), None)
    if rows is None:
        raise ArgumentError(
            f"{argument(kind)} has {len(listed)} texts for {part.leaf.name!r}, which has {size} elements; give one for "
            f"each"
        )
    yield from zip(rows, listed, strict=True)


def _row_named(features: Features, name: str, old: Features | None) -> _Row:
    """The element of a name, the choice of it, or the element at every lag."""
    for present in (features, old):
        if present is None:
            continue
        if name in present.names:
            return _Row((present.names.index(name),), name)
        rows = _variables(present)
        for row in (*rows, *_frames(rows, present)):
            if row.name == name:
                return row
    if name.isdecimal() and int(name) < features.size:  # JSON and YAML have no numbers as keys
        return _Row((int(name),), features.names[int(name)])
    features.position(name)
    raise UnknownNameError(f"no feature {name!r}")  # pragma: no cover


def _row_at(features: Features, position: object, kind: str) -> _Row:
    if isinstance(position, bool) or not isinstance(position, int | np.integer) or not 0 <= position < features.size:
        raise ArgumentError(
            f"{argument(kind)} has the key {position!r:.80}; keys are names of today, or positions from 0 to "
            f"{features.size - 1}"
        )
    return _Row((int(position),), features.names[int(position)])


def _choice_names(features: Features) -> dict[int, str]:
    """The name of each choice by the position of its first value; empty if no choice is one-hot."""
    rows = [row for row in _variables(features) if row.is_choice]
    return {row.positions[0]: row.name for row in rows}


def _texts(texts: Any, kind: str) -> tuple[str, ...]:
    """Texts in a row; a table's rows follow each other."""
    listed = texts.tolist() if isinstance(texts, np.ndarray) else texts
    if isinstance(listed, str) or not isinstance(listed, Sequence):
        raise ArgumentError(f"{argument(kind)} is {texts!r:.80}; give a list of texts, or a mapping to texts")
    flat = [part if isinstance(part, Sequence) and not isinstance(part, str) else [part] for part in listed]
    values = tuple(text for part in flat for text in part)
    if wrong := [text for text in values if not isinstance(text, str)]:
        raise ArgumentError(f"{argument(kind)} has {wrong[0]!r:.80}, a {type(wrong[0]).__name__}; give texts")
    return values


def _wrong_number(features: Features, count: int, kind: str) -> ArgumentError:
    first = ", ".join(features.names[:LISTED])
    more = f", and {features.size - LISTED} more" if features.size > LISTED else ""
    counts = sorted({len(rows) for rows in _ways(features)} - {features.size})
    ways = "".join(f", or {fewer}, one for each variable" for fewer in counts)
    return ArgumentError(
        f"{argument(kind)} has {count} text{'s' * (count != 1)}, and the observation has {features.size} elements "
        f"({first}{more}); give one for each{ways}, or a mapping for some of them"
    )
