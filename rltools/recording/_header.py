"""What holds for every episode of a recording: the content of `recording.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Literal

from rltools._util.short_repr import short_repr
from rltools.errors import CorruptError
from rltools.recording.sealed_json import check_counts, check_fields, read_json
from rltools.recording.seeds import CONSECUTIVE
from rltools.spaces import Features

_KINDS = {
    "policy": str,
    "policy_sha256": str,
    "library": str,
    "environment": str,
    "features": dict[str, Any],
    "action_names": list[str],
    "action_start": int | None,
    "score": str,
    "seed": int,
    "deterministic": bool,
    "max_steps": int,
    "notes": list[str],
    "versions": dict[str, str],
    "branches": list[int],
    "seeds": Literal["spread", "consecutive"],
    "layers": list[dict[str, Any]],
}
_LATER = frozenset({"branches", "seeds", "layers"})
"""What older recordings do not say."""
_LEAF = {
    "path": list[str | int],
    "kind": Literal["number", "choice", "text"],
    "shape": list[int],
    "dtype": str,
    "sizes": list[int],
    "starts": list[int],
}
_FEATURES = {
    "shape": list[int],
    "dims": list[str],
    "names": list[str],
    "units": list[str],
    "channels": list[list[str]],
    "leaves": list[dict[str, Any]],
    "leaf_dims": list[list[str]],
    "choices": list[str],
    "lags": list[int],
    "leaf_names": list[str],
}
_MOST_ENTRIES = 1 << 30
"""Of an observation: what more would need exceeds any memory."""


@dataclass(frozen=True)
class Header:
    """What holds for every episode of a recording.

    Attributes:
        policy: its name.
        policy_sha256: which network acted.
        library: what made the policy.
        environment: its specification as JSON, beneath any attribution wrapper; "" for one made by a function.
        features: of an encoded observation.
        action_names: one per discrete action, or per dimension of a continuous one.
        action_start: the value of the first discrete action; None for continuous ones, and where several are chosen at
            once.
        score: the head that the recorded scores come from.
        seed: of the first episode's seeds.
        deterministic: whether the policy's best action was taken, or one drawn.
        max_steps: after how many steps an episode was ended.
        notes: caveats about the policy.
        versions: of the libraries that took part.
        branches: how many values each discrete choice has; empty for continuous actions.
        seeds: the rule by which episodes get their seeds from `seed`; see `episode_seed`.
        layers: the environment and each of its wrappers, from the inside outwards: its class's `name`, its `kwargs` as
            far as they can be written down, its `id`, and `statistics` of observations (`mean` and `var`) that it
            scales them by; empty where an older version did not say.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording.header.policy, recording.header.environment_id
        ('cartpole-ppo', 'CartPole-v1')
        >>> recording.header.action_names
        ('push left', 'push right')
    """

    policy: str
    policy_sha256: str
    library: str
    environment: str
    features: Features
    action_names: tuple[str, ...]
    action_start: int | None
    score: str
    seed: int
    deterministic: bool
    max_steps: int
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    branches: tuple[int, ...] = ()
    seeds: str = CONSECUTIVE
    layers: tuple[dict[str, Any], ...] = ()

    __repr__ = short_repr

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        return vars(self) | {
            "features": self.features.to_json(),
            "action_names": list(self.action_names),
            "notes": list(self.notes),
            "branches": list(self.branches),
            "layers": list(self.layers),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any], path: Path) -> Header:
        """What `to_json` gave, out of the file at `path`.

        Raises:
            CorruptError: it is not complete, or something is not of its type.
        """
        check_fields(path, entry, _KINDS, _LATER)
        check_counts(path, entry, {"max_steps": 0})
        _check_features(path, entry["features"])
        if entry["environment"]:
            _check_environment(path, entry["environment"])
        try:
            changed = {
                "features": Features.from_json(entry["features"]),
                "action_names": tuple(entry["action_names"]),
                "notes": tuple(entry["notes"]),
                "branches": tuple(entry.get("branches", ())),
                "seeds": entry.get("seeds", CONSECUTIVE),
                "layers": tuple(entry.get("layers", ())),
            }
            return cls(**(entry | changed))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptError(
                f"{path} is not as it should be ({error}); it was not written by rltools, or it was edited"
            ) from error

    @property
    def environment_id(self) -> str:
        """The environment's id, "" where it was made by a function."""
        return str(json.loads(self.environment)["id"]) if self.environment else ""

    @property
    def environment_text(self) -> str:
        """The environment with its arguments and its wrappers, for people: `Hopper-v5 (frame_skip=2) in ClipAction`.

        Of one that a function made, what it is made of as far as that is known.
        """
        layers = self.layers or _layers_of(self.environment)
        if not layers:
            return "made by a function"
        untold = ("FrozenStatistics", "TimeLimit")  # every environment has a limit, and the other is no layer of it
        inner, *wrappers = (_with_kwargs(layer) for layer in layers if layer["name"] not in untold)
        by = "" if self.environment else ", made by a function"
        return inner + (f" in {', '.join(wrappers)}" if wrappers else "") + by


def read_header(path: Path) -> tuple[Header, str]:
    """The content of a `recording.json`, and its seal, which tells the recording from any other.

    Raises:
        FormatError: a newer version of rltools wrote it.
        CorruptError: it is damaged.
        RecordingError: the system does not let us read it.
    """
    return read_json(path, lambda content: Header.from_json(content, path))


def _check_features(path: Path, entry: dict[str, Any]) -> None:
    check_fields(
        path,
        entry,
        _FEATURES,
        frozenset({"channels", "leaves", "leaf_dims", "choices", "lags", "leaf_names"}),
        "features",
    )
    for leaf in entry.get("leaves", ()):
        check_fields(path, leaf, _LEAF, frozenset(), "features.leaves")
    shapes = [entry["shape"], *(leaf["shape"] for leaf in entry.get("leaves", ()))]
    for shape in shapes:
        if any(size < 0 for size in shape) or prod(shape) > _MOST_ENTRIES:
            raise CorruptError(
                f"{path}: key 'features' has the shape {shape[:8]}, and should be of sizes from 0 and of at most "
                f"{_MOST_ENTRIES:,} entries; it was not written by rltools, or it was edited or damaged"
            )


def _check_environment(path: Path, text: str) -> None:
    try:
        known = isinstance(json.loads(text)["id"], str)
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise CorruptError(
            f"{path}: key 'environment' is not as it should be: the JSON of a specification, with an id; it was not "
            f"written by rltools, or it was edited or damaged"
        )


def _layers_of(environment: str) -> tuple[dict[str, Any], ...]:
    """What a specification says of the layers, for recordings that do not say it themselves."""
    spec = json.loads(environment) if environment else {}
    if not spec:
        return ()
    worn = spec.get("additional_wrappers", ())
    return (
        {"name": spec["id"], "id": spec["id"], "kwargs": spec.get("kwargs") or {}},
        *({"name": wrapper["name"], "kwargs": wrapper["kwargs"] or {}} for wrapper in worn),
    )


def _with_kwargs(layer: dict[str, Any]) -> str:
    name = str(layer.get("id") or layer["name"])
    kwargs = layer.get("kwargs") or {}
    shown = ", ".join(f"{key}={_short(value)}" for key, value in kwargs.items())
    return f"{name} ({shown})" if shown else name


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 40 else f"{text[:37]}..."
