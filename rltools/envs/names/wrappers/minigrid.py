"""The observation wrappers of MiniGrid, which has pictures `[x, y, channel]` of cells."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from rltools.envs.names._named import Found, Named, flattened, picture
from rltools.envs.names._through_wrappers import Rule
from rltools.spaces.leaves import Leaf

CELL = ("object type", "color", "state")
IMAGE = ("image",)
MISSION = ("mission",)


def _of_cells(channels: Callable[[], tuple[str, ...]]) -> Rule:
    """A rule for wrappers that put another picture of cells in the place of the image."""

    def rule(wrapper: Any, inner: Found) -> Found:
        shape = wrapper.observation_space["image"].shape
        leaf = Leaf(IMAGE, "number", shape, "uint8")
        return inner | {IMAGE: Named(leaf, dims=("x", "y", "channel"), channels=channels())}

    return rule


def _one_hot() -> tuple[str, ...]:
    constants = sys.modules["minigrid.core.constants"]
    tables = {"object": constants.OBJECT_TO_IDX, "color": constants.COLOR_TO_IDX, "state": constants.STATE_TO_IDX}
    return tuple(f"{kind} {name}" for kind, table in tables.items() for name in sorted(table, key=table.__getitem__))


def _drawn(wrapper: Any, inner: Found) -> Found:
    return inner | {IMAGE: picture(IMAGE, wrapper.observation_space["image"])}


def _image_alone(wrapper: Any, inner: Found) -> Found:
    of = inner[IMAGE]
    return {(): dataclasses.replace(of, leaf=dataclasses.replace(of.leaf, path=()))}


def _flat(wrapper: Any, inner: Found) -> Found:
    """The image, then each letter of the mission one-hot."""
    letters = [*"abcdefghijklmnopqrstuvwxyz", "space", "comma"]
    names = tuple(f"mission letter {at}={letter}" for at in range(wrapper.maxStrLen) for letter in letters)
    text = Named(Leaf(MISSION, "number", (len(names),), "uint8"), names)
    return flattened({IMAGE: inner[IMAGE], MISSION: text})


def _worded(wrapper: Any, inner: Found) -> Found:
    """The mission as choices among words, 0 where it has ended."""
    numbered = {number + 1: word for word, number in wrapper.word_dict.items()}
    words = [numbered.get(value, str(value)) if value else "nothing" for value in range(len(numbered) + 1)]
    places = tuple(f"mission word {at}" for at in range(wrapper.max_words_in_mission))
    names = tuple(f"{place}={word}" for place in places for word in words)
    leaf = Leaf(MISSION, "choice", (len(places),), "int64", (len(words),) * len(places), (0,) * len(places))
    return inner | {MISSION: Named(leaf, names, choices=places)}


def _with_goal_direction(wrapper: Any, inner: Found) -> Found:
    path = ("goal_direction",)
    angle = wrapper.type.startswith("angle")
    name, unit = ("angle towards goal", "rad") if angle else ("slope towards goal", "")
    return inner | {path: Named(Leaf(path, "number", (), "float64"), (name,), (unit,))}


RULES: dict[str, Rule] = {
    "DictObservationSpaceWrapper": _worded,
    "DirectionObsWrapper": _with_goal_direction,
    "FlatObsWrapper": _flat,
    "FullyObsWrapper": _of_cells(lambda: CELL),
    "ImgObsWrapper": _image_alone,
    "OneHotPartialObsWrapper": _of_cells(_one_hot),
    "RGBImgObsWrapper": _drawn,
    "RGBImgPartialObsWrapper": _drawn,
    "SymbolicObsWrapper": _of_cells(lambda: ("x position", "y position", "object type")),
    "ViewSizeWrapper": _of_cells(lambda: CELL),
}
