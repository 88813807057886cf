"""The levels at which an attribution is summed up: variables, what is inside them, and objects in images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Recording
from rltools.spaces import Part
from rltools.spaces.layout import Objects
from rltools.spaces.objects import OTHER, object_kinds, part_with_objects
from rltools.spaces.variables import DETAILS, Detail, check_detail
from rltools.summary.episodes import Groups, grouped

LevelName = Detail | Literal["objects"]
"""How fine the rows are; "objects" are those that the card of an environment names in an image of cells."""
LEVELS: tuple[LevelName, ...] = (*DETAILS, "objects")


@dataclass(frozen=True)
class Level:
    """The rows of a summary.

    Attributes:
        name: how fine they are.
        groups: pairs of a name and the row-major positions of its elements. At the level "objects" the last ones are
            kinds of objects, each with all elements of the image.
        kinds: the image with objects and what its codes mean, if this is the level of objects.
    """

    name: LevelName
    groups: Groups
    kinds: tuple[Part, Objects] | None = None

    __repr__ = short_repr

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rows."""
        return tuple(name for name, _ in self.groups)

    def summed(self, values: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
        """Attributions `[step, target, element]` summed over each row: float64 `[step, target, row]`.

        Args:
            values: attributions.
            observed: `[step, element]`, the observations; objects alone depend on them.
        """
        if self.kinds is None or observed is None:
            return grouped(values, self.groups)
        part, objects = self.kinds
        count, image = len(objects.names) + 1, slice(part.start, part.stop)
        others = [values[..., elements].sum(axis=-1, dtype=np.float64) for _, elements in self.groups[:-count]]
        kind = object_kinds(part, objects, observed[:, image])[:, None]
        inside = values[..., image].astype(np.float64)
        of_kinds = [np.where(kind == code, inside, 0).sum(axis=-1) for code in range(count)]
        return np.stack([*others, *of_kinds], axis=-1)


def level_of(recording: Recording, key: str, name: LevelName = "variables") -> Level:
    """A level of an attribution.

    Raises:
        ArgumentError: there is no such level, or no card says which objects are in the observation.
    """
    check_detail(name, LEVELS)
    if name != "objects":
        return Level(name, recording.rows(key, name))
    level = _objects(recording, key)
    if level is None:
        raise ArgumentError(
            f"detail is 'objects', and the observation of {recording.directory} has no image of objects whose codes a "
            f"card names, or the attribution is over groups or a window; give another of {', '.join(DETAILS)}"
        )
    return level


def inner_levels(recording: Recording, key: str) -> tuple[Level, ...]:
    """What is inside the variables: regions and elements, if these are others, and objects, if a card names them."""
    variables, regions = (level_of(recording, key, name) for name in ("variables", "regions"))
    objects = _objects(recording, key)
    inside = () if regions.names == variables.names else (regions,)
    return inside if objects is None else (*inside, objects)


def _objects(recording: Recording, key: str) -> Level | None:
    spec, features = recording.spec(key), recording.features_of(key)
    if spec.window or spec.parameters.get("groups") is not None or (pair := part_with_objects(features)) is None:
        return None
    part, objects = pair
    image = np.arange(part.start, part.stop)
    others = [(name, elements) for name, elements in features.variables() if not part.start <= elements[0] < part.stop]
    return Level("objects", [*others, *((name, image) for name in (*objects.names, OTHER))], pair)
