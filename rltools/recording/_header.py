"""The header that all episodes of a recording share: the content of `recording.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import inf, prod
from pathlib import Path
from typing import Any, Literal

from rltools._util.short_repr import short_repr
from rltools._util.text import cut
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
    "value_head": str,
    "gamma": float | None,
    "gae_lambda": float | None,
    "reward_scale": float | None,
    "reward_clip": float | None,
    "data": str,
    "agent": dict[str, Any],
    "normalization": str,
}
_RETURNS = ("value_head", "gamma", "gae_lambda", "reward_scale", "reward_clip")
_LATER = frozenset({"branches", "seeds", "layers", "data", "agent", "normalization", *_RETURNS})
"""Keys that older recordings lack."""
_AGENT = {
    "source": str,
    "environment": str,
    "loading": dict[str, Any],
    "live": list[str],
    "trusted": bool,
}
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
    "factors": list[dict[str, Any]],
    "objects": list[dict[str, Any]],
    "origins": list[dict[str, Any]],
    "groups": list[dict[str, Any]],
}
_LATER_FEATURES = frozenset(_FEATURES) - {"shape", "dims", "names", "units"}
_FACTOR = {"choice": int, "name": str, "values": list[str]}
_ORIGINS = {"origin": str, "count": int}
_GROUPS = {"name": str, "features": list[str]}
_OBJECTS = {"leaf": int, "channel": str, "names": list[str]}
_MAX_ELEMENTS = 1 << 30
"""Most elements of an observation: more would exceed any memory."""


@dataclass(frozen=True)
class Header:
    """The settings and provenance that all episodes of a recording share.

    Attributes:
        policy: its name.
        policy_sha256: the network that acted.
        library: the policy's library.
        environment: its specification as JSON, without any attribution wrapper; "" if a function made it.
        features: of an encoded observation.
        action_names: one per discrete action, or per dimension of a continuous one.
        action_start: the value of the first discrete action; None for continuous ones, and for several choices.
        score: the head that the recorded scores come from.
        seed: the seed from which the episodes' seeds are derived.
        deterministic: whether the policy's best action was taken, and not one sampled from its distribution.
        max_steps: after how many steps an episode was ended.
        notes: caveats about the policy and its environment.
        versions: the versions of the libraries involved.
        branches: how many values each discrete choice has; empty for continuous actions.
        seeds: the rule by which episodes get their seeds from `seed`; see `episode_seed`.
        layers: the environment and each of its wrappers, from the inside out: its class's `name`, its `kwargs` as far
            as JSON can hold them, its `id`, and the `statistics` (`mean` and `var`) by which it normalizes
            observations; empty in older recordings.
        value_head: the head that the recorded values come from; "" if there are none.
        gamma: the discount by which the agent was trained; None if unknown.
        gae_lambda: the decay of generalized advantage estimation in its training; None if unknown.
        reward_scale: rewards were divided by it in the training, so that values are in its multiples; None if they were
            learned from as they are, as far as is known.
        reward_clip: the largest magnitude of a reward after that; None without a scale.
        data: the data set that the episodes were read from, for instance "minari:cartpole/expert-v0"; "" if the policy
            acted itself. Actions and rewards are then those of whoever recorded the data.
        agent: what the policy was loaded from: the `source` as it was given, for instance a path, and if there were
            any, the `environment`, the plain arguments of `load_policy` (`loading`), the names of others (`live`), and
            whether the file was `trusted`; empty if it was not loaded from a file or by a name, or is not known.
        normalization: the file or object with the statistics by which the policy normalizes observations; "" without
            any, and in older recordings.

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
    value_head: str = ""
    gamma: float | None = None
    gae_lambda: float | None = None
    reward_scale: float | None = None
    reward_clip: float | None = None
    data: str = ""
    agent: dict[str, Any] = field(default_factory=dict)
    normalization: str = ""

    __repr__ = short_repr

    def to_json(self) -> dict[str, Any]:
        """The content of `recording.json`; the last three keys are there only if they say anything."""
        optional = ("data", "agent", "normalization")
        own = {name: value for name, value in vars(self).items() if name not in optional or value}
        return own | {
            "features": self.features.to_json(),
            "action_names": list(self.action_names),
            "notes": list(self.notes),
            "branches": list(self.branches),
            "layers": list(self.layers),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any], path: Path) -> Header:
        """The header that `to_json` wrote, read from the file at `path`.

        Raises:
            CorruptError: a key is missing, or a value has the wrong type.
        """
        check_fields(path, content, _KINDS, _LATER)
        check_counts(path, content, {"max_steps": 0})
        _check_returns(path, content)
        _check_features(path, content["features"])
        if "agent" in content:
            check_fields(path, content["agent"], _AGENT, frozenset(_AGENT) - {"source"}, "agent")
        if content["environment"]:
            _check_environment(path, content["environment"])
        try:
            changed = {
                "features": Features.from_json(content["features"]),
                "action_names": tuple(content["action_names"]),
                "notes": tuple(content["notes"]),
                "branches": tuple(content.get("branches", ())),
                "seeds": content.get("seeds", CONSECUTIVE),
                "layers": tuple(content.get("layers", ())),
            }
            return cls(**(content | changed))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptError(
                f"{path} is not a valid header ({error}); it was not written by rltools, or it was edited"
            ) from error

    @property
    def environment_id(self) -> str:
        """The environment's id; "" if a function made it."""
        return str(json.loads(self.environment)["id"]) if self.environment else ""

    @property
    def environment_text(self) -> str:
        """The environment with its arguments and wrappers, as text: `Hopper-v5 (frame_skip=2) in ClipAction`.

        If a function made it, the text lists its layers as far as they are known; without any it is the data set.
        """
        if self.data:
            return f"none: the episodes are those of {self.data}"
        layers = self.layers or _layers_of(self.environment)
        if not layers:
            return "made by a function"
        omitted = ("FrozenStatistics", "TimeLimit")  # the latter is in every environment, the former is ours
        inner, *wrappers = (_with_kwargs(layer) for layer in layers if layer["name"] not in omitted)
        origin = "" if self.environment else ", made by a function"
        return inner + (f" in {', '.join(wrappers)}" if wrappers else "") + origin


def read_header(path: Path) -> tuple[Header, str]:
    """Read a `recording.json`, and its seal, which identifies the recording.

    Raises:
        FormatError: a newer version of rltools wrote it.
        CorruptError: it is damaged.
        RecordingError: it cannot be read.
    """
    return read_json(path, lambda content: Header.from_json(content, path))


def _check_features(path: Path, content: dict[str, Any]) -> None:
    check_fields(
        path,
        content,
        _FEATURES,
        _LATER_FEATURES,
        "features",
    )
    for leaf in content.get("leaves", ()):
        check_fields(path, leaf, _LEAF, frozenset(), "features.leaves")
    for name, kinds in (("factors", _FACTOR), ("objects", _OBJECTS), ("origins", _ORIGINS), ("groups", _GROUPS)):
        for part in content.get(name, ()):
            check_fields(path, part, kinds, frozenset(), f"features.{name}")
    shapes = [content["shape"], *(leaf["shape"] for leaf in content.get("leaves", ()))]
    for shape in shapes:
        if any(size < 0 for size in shape) or prod(shape) > _MAX_ELEMENTS:
            raise CorruptError(
                f"{path}: key 'features' has the shape {shape[:8]}, and must have sizes from 0 and at most "
                f"{_MAX_ELEMENTS:,} elements; it was not written by rltools, or it was edited or damaged"
            )
    counts = [run["count"] for run in content.get("origins", ())]
    if counts and (min(counts) < 1 or sum(counts) != prod(content["shape"])):
        raise CorruptError(
            f"{path}: key 'features' says of {sum(counts):,} elements where their names are from, and there are "
            f"{prod(content['shape']):,}; it was not written by rltools, or it was edited or damaged"
        )


def _check_returns(path: Path, content: dict[str, Any]) -> None:
    gamma, gae_lambda, scale, clip = (content.get(name) for name in _RETURNS[1:])
    for name, value, fits in (
        ("gamma", gamma, gamma is None or 0 <= gamma <= 1),
        ("gae_lambda", gae_lambda, gae_lambda is None or 0 <= gae_lambda <= 1),
        ("reward_scale", scale, scale is None or 0 < scale < inf),
        ("reward_clip", clip, clip is None or clip > 0),
    ):
        if not fits:
            bounds = "from 0 to 1" if name in ("gamma", "gae_lambda") else "above 0"
            raise CorruptError(
                f"{path}: key {name!r} is {value}, and must be {bounds}; it was not written by rltools, or it was "
                f"edited or damaged"
            )


def _check_environment(path: Path, text: str) -> None:
    try:
        has_id = isinstance(json.loads(text)["id"], str)
    except (ValueError, KeyError, TypeError, RecursionError):
        has_id = False
    if not has_id:
        raise CorruptError(
            f"{path}: key 'environment' must be the JSON of a specification, with an id; it was not written by "
            f"rltools, or it was edited or damaged"
        )


def _layers_of(environment: str) -> tuple[dict[str, Any], ...]:
    """The layers that a specification names, for older recordings, which do not list them."""
    spec = json.loads(environment) if environment else {}
    if not spec:
        return ()
    wrappers = spec.get("additional_wrappers", ())
    return (
        {"name": spec["id"], "id": spec["id"], "kwargs": spec.get("kwargs") or {}},
        *({"name": wrapper["name"], "kwargs": wrapper["kwargs"] or {}} for wrapper in wrappers),
    )


def _with_kwargs(layer: dict[str, Any]) -> str:
    name = str(layer.get("id") or layer["name"])
    kwargs = layer.get("kwargs") or {}
    arguments = ", ".join(f"{key}={_short(value)}" for key, value in kwargs.items())
    return f"{name} ({arguments})" if arguments else name


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return cut(text, 40)
