"""What holds for every episode of a recording: the content of `recording.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools.errors import CorruptError, FormatError
from rltools.features import Features
from rltools.short_repr import short_repr

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

    __repr__ = short_repr

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        plain = vars(self) | {
            "features": self.features.to_json(),
            "action_names": list(self.action_names),
            "notes": list(self.notes),
            "branches": list(self.branches),
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
            known = {name: entry[name] for name in cls.__dataclass_fields__ if name != "branches"}
            known["branches"] = tuple(entry.get("branches", ()))  # older ones do not say
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
