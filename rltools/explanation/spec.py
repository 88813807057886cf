"""What is asked of a recording, and the folder its answer goes into."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rltools.attributions import Method, find_method
from rltools.errors import ArgumentError, CorruptError
from rltools.explanation.references import References, references_id
from rltools.explanation.views import explained_unit
from rltools.policies.base import Policy
from rltools.recording import AttributionSpec, Recording
from rltools.recording.specs import requested_again, spec_path
from rltools.spaces import Features
from rltools.targets import Target, fitting_target, target_labels


@dataclass(frozen=True)
class Asked:
    """A question about a recording.

    Attributes:
        method: that is asked.
        target: the scalar, or scalars, that are explained.
        settings: what the method takes: its own parameters with their defaults.
        spec: what is written beside the answer.
        key: the name of the answer's folder: a slug, and a hash of the question.
    """

    method: Method
    target: Target
    settings: dict[str, Any]
    spec: AttributionSpec
    key: str


def ask(
    recording: Recording,
    policy: Policy,
    method: str,
    target: str | Target | None,
    references: References,
    every: int,
    seed: int,
    chosen: dict[str, Any],
) -> Asked:
    """Put the question, and name its folder; for the arguments see `explain`, `chosen` are its parameters.

    Raises:
        UnknownNameError: no such method.
        TargetError: the policy has no such target.
        ArgumentError: a parameter the method does not take.
    """
    found = find_method(method)
    parsed = fitting_target(method, found.needs, target, policy)
    drawn = {"seed": seed} if "seed" in found.defaults else {}
    beside = {name: chosen[name] for name in ("window", "units") if name in chosen}
    held = {"memory": "held"} if policy.state_size and "window" not in beside else {}
    settings = found.settings({name: value for name, value in chosen.items() if name not in beside} | drawn)
    compared = references_id(references, seed) if "references" in found.needs else ""
    spec = AttributionSpec(
        method=method,
        target=str(parsed),
        labels=target_labels(parsed, policy),
        unit=explained_unit(found.unit, chosen.get("units", "environment")),
        parameters=settings | ({"reference": compared} if compared else {}) | beside | held,
        policy_sha256=recording.header.policy_sha256,
        every=every,
    )
    # What follows from the question is no part of it: the folder has the same name wherever it is known.
    fingerprint = hashlib.sha256(json.dumps(spec.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    named = "-".join([f"{method}-{parsed}", *(f"{name}-{value}" for name, value in beside.items())])
    slug = re.sub(r"[^A-Za-z0-9]+", "-", named).strip("-")[:60]
    spec = replace(spec, separated=separated_axes(found, settings, policy.features))
    return Asked(found, parsed, with_groups(found, settings, policy.features), spec, f"{slug}-{fingerprint}")


def check_answered(recording: Recording, asked: Asked) -> None:
    """Compare what the folder of an answer says was asked, where there is one, with what is asked now.

    Raises:
        CorruptError: it is the answer to something else, because folders were renamed or mixed up.
    """
    path = spec_path(recording.directory, asked.key)
    if not path.is_file():
        return
    kept = recording.spec(asked.key)
    if _plainly(kept) != _plainly(asked.spec):
        raise CorruptError(
            f"{path.parent} holds {requested_again(kept)}, and its name is that of {requested_again(asked.spec)}; give the "
            f"folder its own name back, or delete it and explain again"
        )


def _plainly(spec: AttributionSpec) -> str:
    return json.dumps(replace(spec, separated=(), unseen=None).to_json(), sort_keys=True)


SUMMARY = "summary"


def with_groups(method: Method, settings: dict[str, Any], features: Features) -> dict[str, Any]:
    """The settings as the method takes them: each group as the row-major positions of its entries.

    Groups are given as `{name: [feature, ...]}`, where a feature that is in none is a group of its own, or as
    "summary": what a summary has a row for, so each choice, and each region and channel of a picture.

    Raises:
        ArgumentError: groups that are neither, or a feature that is in two.
        UnknownNameError: no feature has a name that was given.
    """
    given = settings.get("groups")
    if "groups" not in method.defaults or given is None:
        return settings
    if given == SUMMARY:
        groups = [positions for _, positions in features.groups(merged=True)]
    elif isinstance(given, Mapping) and all(_is_names(members) for members in given.values()):
        there = {name: place for place, name in reversed(list(enumerate(features.names)))}  # of equal names the first
        groups = [
            np.array([there[name] if name in there else features.position(name) for name in members], np.int64)
            for members in given.values()
        ]
    else:
        raise ArgumentError(f"groups are {{name: [feature, ...]}} or {SUMMARY!r}, not {given!r}")
    taken = np.concatenate([np.zeros(0, np.int64), *groups])
    twice = [features.names[place] for place in np.flatnonzero(np.bincount(taken, minlength=features.size) > 1)]
    if twice or any(len(group) == 0 for group in groups):
        said = f"{twice[0]!r} is in two groups" if twice else "a group is empty"
        raise ArgumentError(f"{said}; each feature is in one group, and each group has at least one")
    alone = [np.array([place]) for place in np.setdiff1d(np.arange(features.size), taken)]
    return settings | {"groups": tuple(tuple(map(int, group)) for group in [*groups, *alone])}


def separated_axes(method: Method, settings: dict[str, Any], features: Features) -> tuple[str, ...]:
    """The axes of an image along which a method tells entries apart; () where these are all of them."""
    found = tuple(method.separates(features.dims, settings))
    return () if set(found) >= set(features.dims) else found


def _is_names(members: Any) -> bool:
    return isinstance(members, Sequence) and not isinstance(members, str) and all(isinstance(m, str) for m in members)
