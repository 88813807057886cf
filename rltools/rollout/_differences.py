"""Says in words how the settings of two recordings differ, with both values as one types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.text import plural
from rltools.envs import canonical_spec_json
from rltools.errors import argument

if TYPE_CHECKING:
    from rltools.recording import Header

    Clause = Callable[[Header, Header], str]

DIGITS = 8
LONGEST = 100
"""Characters of a value in the message."""


def differences(recorded: Header, requested: Header) -> list[str]:
    """The settings in which a new recording differs from one that is there, each as a clause.

    A recording keeps its rule of seeds, and whether it has values, whose returns the network determines. Of the layers
    of an environment only their statistics count, if they are recorded.

    Args:
        recorded: the header of the recording in the folder.
        requested: the header that a new recording has.

    Example:
        >>> import dataclasses, rltools
        >>> from rltools.rollout._differences import differences
        >>> header = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=1).header
        >>> [clause] = differences(header, dataclasses.replace(header, action_names=("left", "right")))
        >>> clause.endswith("are 'push left', 'push right' there and 'left', 'right' now")
        True
    """
    names = [name for name in _CLAUSES if _comparable(recorded, name) != _comparable(requested, name)]
    if "data" in names and "environment" in names:
        names.remove("environment")  # the episodes of a data set are of none
    clauses = [_CLAUSES[name](recorded, requested) for name in names]
    if recorded.layers and not clauses and _statistics(recorded) != _statistics(requested):
        clauses = [_normalization(recorded, requested)]
    return clauses


def _comparable(header: Header, name: str) -> Any:
    value = getattr(header, name)
    return canonical_spec_json(value) if name == "environment" else value


def _statistics(header: Header) -> list[Any]:
    """The statistics of observations in the layers of an environment."""
    return [layer["statistics"] for layer in header.layers if "statistics" in layer]


def _normalization(recorded: Header, requested: Header) -> str:
    values = []
    for header in (recorded, requested):
        means = [np.round(layer["mean"], 4).tolist() for layer in _statistics(header)]
        values.append(_short(", ".join(f"those of mean {mean}" for mean in means)) or "none")
    return f"the statistics of observations that normalize them are {values[0]} there and {values[1]} now"


def _typed(name: str) -> Clause:
    """The clause about an argument of `record`, as it is typed."""
    return lambda recorded, requested: (
        f"{argument(name, getattr(recorded, name))} there and {argument(name, getattr(requested, name))} now"
    )


def _name(recorded: Header, requested: Header) -> str:
    return f"the agent is called {recorded.policy} there and {requested.policy} now ({argument('name')})"


def _sha256(recorded: Header, requested: Header) -> str:
    return (
        f"the model is another: its sha256 is {recorded.policy_sha256[:DIGITS]}... there and "
        f"{requested.policy_sha256[:DIGITS]}... now"
    )


def _environment(recorded: Header, requested: Header) -> str:
    options = f"{argument('env')}, {argument('env_kwargs')}"
    texts = [header.environment_text for header in (recorded, requested)]
    if texts[0] != texts[1]:
        return f"the environment ({options}) is {texts[0]} there and {texts[1]} now"
    if _statistics(recorded) != _statistics(requested):
        return _normalization(recorded, requested)
    specs = [json.loads(header.environment or "{}") for header in (recorded, requested)]
    names = [name for name in specs[0] | specs[1] if specs[0].get(name) != specs[1].get(name)]
    values = [_short(", ".join(f"{name}={spec.get(name)}" for name in names)) for spec in specs]
    return f"the environment ({options}) is {texts[0]} with {values[0]} there and with {values[1]} now"


def _features(recorded: Header, requested: Header) -> str:
    old, new = recorded.features, requested.features
    if old.size != new.size:
        return f"the policy sees {plural(old.size, 'feature')} there and {new.size} now"
    renamed = [position for position, pair in enumerate(zip(old.names, new.names, strict=True)) if pair[0] != pair[1]]
    if renamed:
        first, more = renamed[0], f", and {len(renamed) - 1} more" if len(renamed) > 1 else ""
        where = f"the feature at position {first} ({argument('names')})"
        return f"{where} is called {old.names[first]!r} there and {new.names[first]!r} now{more}"
    for name, unit, new_unit in zip(old.names, old.units or repeat(""), new.units or repeat(""), strict=False):
        if unit != new_unit:
            return f"the unit of {name} is {unit or 'none'} there and {new_unit or 'none'} now"
    return "the parts or the axes of the observation are others, though the names of their features are the same"


def _action_names(recorded: Header, requested: Header) -> str:
    texts = [_short(", ".join(map(repr, header.action_names))) or "none" for header in (recorded, requested)]
    return f"the names of actions ({argument('action_names')}) are {texts[0]} there and {texts[1]} now"


def _action_start(recorded: Header, requested: Header) -> str:
    starts = [header.action_start for header in (recorded, requested)]
    texts = ["no number" if start is None else str(start) for start in starts]
    return f"the first action is {texts[0]} there and {texts[1]} now"


def _score(recorded: Header, requested: Header) -> str:
    return f"actions are scored by the head {recorded.score} there and by {requested.score} now"


def _deterministic(recorded: Header, requested: Header) -> str:
    ways = {True: "the policy's best action is taken", False: "actions are sampled"}
    return f"{ways[recorded.deterministic]} there, and {ways[requested.deterministic]} now"


def _data(recorded: Header, requested: Header) -> str:
    texts = [f"those of {header.data}" if header.data else "the agent's own" for header in (recorded, requested)]
    return f"the episodes are {texts[0]} there and {texts[1]} now"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


_CLAUSES: dict[str, Clause] = {
    "policy": _name,
    "policy_sha256": _sha256,
    "data": _data,
    "environment": _environment,
    "seed": _typed("seed"),
    "max_steps": _typed("max_steps"),
    "deterministic": _deterministic,
    "features": _features,
    "action_names": _action_names,
    "action_start": _action_start,
    "score": _score,
}
"""A clause for each setting that must be the same."""
