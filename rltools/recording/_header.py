"""What holds for every episode of a recording: the content of `recording.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools.errors import CorruptError, FormatError
from rltools.features import Features
from rltools.recording._seeds import CONSECUTIVE

FORMAT = 2
PLAIN_FORMAT = 1
"""Of recordings without what format 2 brought: observations of several arrays or of choices, several actions a step."""


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

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        plain = vars(self) | {
            "features": self.features.to_json(),
            "action_names": list(self.action_names),
            "notes": list(self.notes),
            "branches": list(self.branches),
            "layers": list(self.layers),
        }
        return {"format": FORMAT if self.features.leaves or len(self.branches) > 1 else PLAIN_FORMAT, **plain}

    @classmethod
    def from_json(cls, entry: dict[str, Any], path: Path) -> Header:
        """What `to_json` wrote.

        Raises:
            FormatError: by a newer version of rltools.
            CorruptError: it is not complete.
        """
        written = entry.get("format")
        if type(written) is not int or written < 1:
            raise CorruptError(f"{path} has format {written!r}; it was not written by rltools, or it was edited")
        if written > FORMAT:
            raise FormatError(f"{path} has format {written!r}, and this version reads up to {FORMAT}; update rltools")
        try:
            later = ("branches", "seeds", "layers")  # older ones do not say
            known = {name: entry[name] for name in cls.__dataclass_fields__ if name not in later}
            known |= {"branches": tuple(entry.get("branches", ())), "layers": tuple(entry.get("layers", ()))}
            known["seeds"] = entry.get("seeds", CONSECUTIVE)
            known["features"] = Features.from_json(known["features"])
            known["action_names"] = tuple(known["action_names"])
            known["notes"] = tuple(known["notes"])
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            said = f"lacks {error}" if isinstance(error, KeyError) else f"is not as it should be ({error})"
            raise CorruptError(f"{path} {said}; it was not written by rltools, or it was edited") from error

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
