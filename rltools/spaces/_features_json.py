"""The entry "features" of a recording's header, in today's form and in older ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from rltools.spaces.axes import element_axes, image_axes
from rltools.spaces.layout import Factor, Objects
from rltools.spaces.leaves import Leaf

_LAG_WORDS = re.compile(r", (?:now|(\d+) steps? ago)$")


def features_to_json(features: Any) -> dict[str, Any]:
    """The entry of `Features`, whose module imports this one; what follows from other keys is left out."""
    plain: dict[str, Any] = {
        "shape": list(features.shape),
        "dims": list(features.dims),
        "names": list(features.given_names),
        "units": list(features.units),
    }
    if features.channels:
        plain["channels"] = [list(names) for names in features.channels]
    if features.given_lags:
        plain["lags"] = list(features.given_lags)
    if features.given_leaf_names:
        plain["leaf_names"] = list(features.given_leaf_names)
    if any(features.factors):
        plain["factors"] = [
            {"choice": number, "name": factor.name, "values": list(factor.values)}
            for number, factors in enumerate(features.factors)
            for factor in factors
        ]
    if any(features.objects):
        plain["objects"] = [
            {"leaf": number, "channel": each.channel, "names": list(each.names)}
            for number, each in enumerate(features.objects)
            if each is not None
        ]
    if any(features.origins):
        runs = [(origin, len(list(run))) for origin, run in groupby(features.origins)]
        plain["origins"] = [{"origin": origin, "count": count} for origin, count in runs]
    if features.named_groups:
        plain["groups"] = [{"name": name, "features": list(members)} for name, members in features.named_groups]
    if features.leaves:
        plain["leaves"] = [leaf.to_json() for leaf in features.leaves]
        plain |= {"leaf_dims": [list(dims) for dims in features.leaf_dims], "choices": list(features.choices)}
    return plain


def features_from_json(entry: dict[str, Any]) -> dict[str, Any]:
    """The attributes of `Features` in an entry that `features_to_json` wrote, in this version or an older one."""
    leaves = tuple(Leaf.from_json(leaf) for leaf in entry.get("leaves", ()))
    leaf_dims = tuple(tuple(dims) for dims in entry.get("leaf_dims", ()))
    return {
        "shape": tuple(entry["shape"]),
        "dims": tuple(entry["dims"]),
        "given_names": tuple(entry["names"]),
        "units": tuple(entry["units"]),
        "leaves": leaves,
        "leaf_dims": leaf_dims or _older_axes(leaves),
        "choices": tuple(entry.get("choices", ())),
        "channels": tuple(tuple(names) for names in entry.get("channels", ())),
        "given_lags": tuple(entry.get("lags", ())),
        "given_leaf_names": tuple(entry.get("leaf_names", ())),
        "factors": _factors_in(entry, leaves),
        "objects": _objects_in(entry, leaves),
        "origins": tuple(run["origin"] for run in entry.get("origins", ()) for _ in range(run["count"])),
        "named_groups": tuple((group["name"], tuple(group["features"])) for group in entry.get("groups", ())),
    }


def _older_axes(leaves: Sequence[Leaf]) -> tuple[tuple[str, ...], ...]:
    """The axes of the leaves of a Dict in files without "leaf_dims": arrays of two or three axes were images."""
    shapes = [leaf.encoded_shape for leaf in leaves if leaf.path]
    return tuple((image_axes(shape) if len(shape) < 4 else ()) or element_axes(shape) for shape in shapes)


def _factors_in(entry: dict[str, Any], leaves: Sequence[Leaf]) -> tuple[tuple[Factor, ...], ...]:
    """The factors of each choice of some leaves; () if no choice has any."""
    listed = entry.get("factors", ())
    choices = sum(len(leaf.sizes) for leaf in leaves)
    return tuple(
        tuple(Factor(each["name"], tuple(each["values"])) for each in listed if each["choice"] == number)
        for number in range(choices if listed else 0)
    )


def _objects_in(entry: dict[str, Any], leaves: Sequence[Leaf]) -> tuple[Objects | None, ...]:
    """What the codes in the image of each leaf mean; () if no image has any."""
    listed = {each["leaf"]: Objects(each["channel"], tuple(each["names"])) for each in entry.get("objects", ())}
    return tuple(listed.get(number) for number in range(max(1, len(leaves)) if listed else 0))


def older_lags(names: Sequence[str], lags: np.ndarray) -> tuple[int, ...]:
    """The lags of elements in a file without "lags", from the endings that `with_lag` gave their names; () for none.

    The only place where a name is parsed, once per file. Lags of an axis called "lag" are known without it.
    """
    matches = [_LAG_WORDS.search(name) for name in names]
    named = [int(match[1] or 0) if match else 0 for match in matches]
    if not any(named) or (lags >= named).all():
        return ()
    return tuple(np.maximum(lags, named).tolist())
