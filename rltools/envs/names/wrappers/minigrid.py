"""The observation wrappers of MiniGrid, whose images `[x, y, channel]` show cells."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from rltools.envs.names._named import NamedLeaf, NamedLeaves, flatten, image_leaf
from rltools.envs.names.wrappers import Rule, WrapperLibrary
from rltools.spaces.leaves import Leaf

CELL = ("object type", "color", "state")
IMAGE = ("image",)
MISSION = ("mission",)


def _cells(channels: Callable[[], tuple[str, ...]]) -> Rule:
    """The rule of a wrapper that replaces the image by another image of cells."""

    def rule(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
        shape = wrapper.observation_space["image"].shape
        leaf = Leaf(IMAGE, "number", shape, "uint8")
        named, objects = channels(), inner[IMAGE].objects if IMAGE in inner else None
        objects = objects if objects is not None and objects.channel in named else None
        return inner | {IMAGE: NamedLeaf(leaf, dims=("x", "y", "channel"), channels=named, objects=objects)}

    return rule


def _one_hot_channels() -> tuple[str, ...]:
    constants = sys.modules["minigrid.core.constants"]
    tables = {"object": constants.OBJECT_TO_IDX, "color": constants.COLOR_TO_IDX, "state": constants.STATE_TO_IDX}
    return tuple(f"{kind} {name}" for kind, table in tables.items() for name in sorted(table, key=table.__getitem__))


def _render(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return inner | {IMAGE: image_leaf(IMAGE, wrapper.observation_space["image"])}


def _image_only(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    named = inner[IMAGE]
    return {(): dataclasses.replace(named, leaf=dataclasses.replace(named.leaf, path=()))}


def _flatten_with_letters(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The image, then each letter of the mission one-hot."""
    letters = [*"abcdefghijklmnopqrstuvwxyz", "space", "comma"]
    names = tuple(f"mission letter {index}={letter}" for index in range(wrapper.maxStrLen) for letter in letters)
    origins = ("the wrapper FlatObsWrapper",) * len(names)
    text = NamedLeaf(Leaf(MISSION, "number", (len(names),), "uint8"), names, origins=origins)
    return flatten({IMAGE: inner[IMAGE], MISSION: text})


def _encode_words(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The mission as choices among words, 0 after its end."""
    numbered = {number + 1: word for word, number in wrapper.word_dict.items()}
    words = [numbered.get(value, str(value)) if value else "nothing" for value in range(len(numbered) + 1)]
    choices = tuple(f"mission word {index}" for index in range(wrapper.max_words_in_mission))
    names = tuple(f"{choice}={word}" for choice in choices for word in words)
    leaf = Leaf(MISSION, "choice", (len(choices),), "int64", (len(words),) * len(choices), (0,) * len(choices))
    origins = ("the wrapper DictObservationSpaceWrapper",) * len(names)
    return inner | {MISSION: NamedLeaf(leaf, names, choices=choices, origins=origins)}


def _add_goal_direction(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    path = ("goal_direction",)
    angle = wrapper.type.startswith("angle")
    name, unit = ("angle towards goal", "rad") if angle else ("slope towards goal", "")
    return inner | {
        path: NamedLeaf(
            Leaf(path, "number", (), "float64"), (name,), (unit,), origins=("the wrapper DirectionObsWrapper",)
        )
    }


_RULES: dict[str, Rule] = {
    "DictObservationSpaceWrapper": _encode_words,
    "DirectionObsWrapper": _add_goal_direction,
    "FlatObsWrapper": _flatten_with_letters,
    "FullyObsWrapper": _cells(lambda: CELL),
    "ImgObsWrapper": _image_only,
    "OneHotPartialObsWrapper": _cells(_one_hot_channels),
    "RGBImgObsWrapper": _render,
    "RGBImgPartialObsWrapper": _render,
    "SymbolicObsWrapper": _cells(lambda: ("x position", "y position", "object type")),
    "ViewSizeWrapper": _cells(lambda: CELL),
}
LIBRARY = WrapperLibrary(
    entry_points={name: f"minigrid.wrappers:{name}" for name in _RULES}, rules=_RULES, records_arguments=False
)
