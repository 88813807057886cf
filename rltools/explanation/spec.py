"""Binds an `AttributionSpec` to a policy, with everything needed to compute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from rltools.attributions import Method, find_method
from rltools.errors import ArgumentError, CorruptError
from rltools.explanation.batches import check_passes
from rltools.explanation.references import References, references_id
from rltools.explanation.views import Decoded, Units, Window, explained_unit, in_units
from rltools.policies.base import Policy, mixes_choices
from rltools.recording import AttributionSpec, Recording
from rltools.recording.attribution import VARIABLES
from rltools.recording.specs import folder_key, request_text, spec_path
from rltools.spaces import Features
from rltools.spaces.groups import CARD, group_rows, resolved_groups
from rltools.targets import Target, fitting_target, target_labels


@dataclass(frozen=True)
class BoundSpec:
    """An attribution spec bound to a policy, with everything needed to compute it.

    Attributes:
        spec: the spec as it is written beside the attributions.
        key: the name of its folder in the recording.
        policy: the explained policy, in the units and with the window of the spec.
        method: the method itself.
        target: the parsed target.
        settings: the arguments of the method, with defaults, and with groups as positions.
    """

    spec: AttributionSpec
    key: str
    policy: Policy
    method: Method
    target: Target
    settings: dict[str, Any]


def bind(
    recording: Recording,
    policy: Policy,
    *,
    method: str,
    target: str | Target | None,
    references: References,
    window: int,
    units: Units,
    every: int,
    seed: int,
    parameters: Mapping[str, Any],
) -> BoundSpec:
    """Resolve the arguments of `explain` into a bound spec.

    Raises:
        UnknownNameError: there is no such method.
        TargetError: the policy has no such target.
        ArgumentError: a parameter that the method does not take, or a window or units that the policy does not have.
        TooCostlyError: a single step takes more passes through the network than any computer finishes.
    """
    policy = in_units(policy, units)
    implementation = find_method(method)
    parameters = with_card_groups(parameters, recording.features)
    parameters = with_whole_choices(policy, implementation, parameters)
    decoded = decodes(implementation, parameters, recording.features)
    policy = Decoded(policy, recording.features) if decoded else policy
    policy = Window(policy, window) if window else policy
    parsed = fitting_target(method, implementation.needs, target, policy)
    seeds = {"seed": seed} if "seed" in implementation.defaults else {}
    settings = implementation.settings({**parameters, **seeds})
    compared = {"reference": references_id(references, seed)} if "references" in implementation.needs else {}
    view = ({"window": window} if window else {}) | ({"units": units} if units == "network" else {})
    view |= {"decoded": True} if decoded else {}
    state = {"memory": "held"} if policy.state_size and not window else {}
    spec = AttributionSpec(
        method=method,
        target=str(parsed),
        labels=target_labels(parsed, policy),
        unit=explained_unit(implementation.unit, units),
        parameters=settings | compared | view | state,
        policy_sha256=recording.header.policy_sha256,
        every=every,
        separated=separated_axes(implementation, settings, policy.features),
    )
    arguments = with_groups(implementation, settings, policy.features)
    check_passes(policy, implementation, references if isinstance(references, int) else 1, arguments)
    return BoundSpec(spec, folder_key(recording.directory, spec), policy, implementation, parsed, arguments)


def check_folder(recording: Recording, key: str, spec: AttributionSpec) -> None:
    """Check that the folder of a spec, if it exists, holds the attributions of this spec.

    Raises:
        CorruptError: it holds other attributions, because folders were renamed or mixed up.
    """
    path = spec_path(recording.directory, key)
    if not path.is_file():
        return
    stored = recording.spec(key)
    if not stored.specifies_same(spec):
        raise CorruptError(
            f"{path.parent} holds {request_text(stored)}, but its name belongs to {request_text(spec)}; give the "
            f"folder its own name back, or delete it and explain again"
        )


def decodes(method: Method, parameters: Mapping[str, Any], features: Features) -> bool:
    """Whether a method explains choices by the factors that they combine: where these are its groups."""
    groups = parameters.get("groups")
    if "groups" not in method.defaults or not any(features.factors):
        return False
    factors = {factor.name for factors in features.factors for factor in factors}
    is_named = isinstance(groups, Mapping) and not factors.isdisjoint(chain.from_iterable(groups.values()))
    return groups == VARIABLES or is_named


def with_card_groups(parameters: Mapping[str, Any], features: Features) -> Mapping[str, Any]:
    """The parameters of a method with the groups of the environment's card in place of "card".

    Raises:
        ArgumentError: the features have no groups.
    """
    if "groups" not in parameters:
        return parameters
    return {**parameters, "groups": resolved_groups(parameters["groups"], features)}


def with_whole_choices(policy: Policy, method: Method, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters with each choice as a group, if the policy needs that and no groups are given.

    A policy that takes whole choices only (see `HasLimits`) is never asked about half of one. Where an environment's
    card decodes a choice, its factors are the groups.

    Example:
        >>> import rltools
        >>> from rltools.attributions import find_method
        >>> table = rltools.FunctionPolicy(lambda states: states % 4, "FrozenLake-v1")
        >>> with_whole_choices(table, find_method("shapley"), {})
        {'groups': 'variables'}
    """
    features = policy.features
    if mixes_choices(policy) or not features.choice_slices or "groups" not in method.defaults:
        return parameters
    if parameters.get("groups") is not None:
        return parameters
    if not features.is_nested or any(features.factors):
        return {**parameters, "groups": VARIABLES}
    # The numbers beside them stay apart, as the entries of a Dict would not.
    choices = [range(*ends) for ends in sorted(features.choice_slices)]
    named = {f"choice {number}": [features.names[i] for i in choice] for number, choice in enumerate(choices)}
    return {**parameters, "groups": named}


def with_groups(method: Method, settings: dict[str, Any], features: Features) -> dict[str, Any]:
    """The settings as the method takes them: each group as the row-major positions of its elements.

    Groups are `{name: [feature, ...]}`, where a feature that is in none is a group of its own; "card", those of the
    environment's card; or "variables": those of a summary, such as each choice or factor of one, each entry of a Dict,
    or each region of an image.

    Raises:
        ArgumentError: the groups are neither, or a feature is in two groups.
        UnknownNameError: no feature has this name.
    """
    groups = resolved_groups(settings.get("groups"), features)
    if "groups" not in method.defaults or groups is None:
        return settings
    if groups == VARIABLES:
        members = [positions for _, positions in features.variables()]
    elif isinstance(groups, Mapping) and all(names and _are_names(names) for names in groups.values()):
        members = [positions for _, positions in group_rows(features, groups)]
    else:
        raise ArgumentError(f"groups must be {{name: [feature, ...]}}, {VARIABLES!r} or {CARD!r}, not {groups!r}")
    grouped = np.concatenate([np.zeros(0, np.int64), *members])
    twice = [features.names[i] for i in np.flatnonzero(np.bincount(grouped, minlength=features.size) > 1)]
    if twice or any(len(group) == 0 for group in members):
        fault = f"{twice[0]!r} is in two groups" if twice else "a group is empty"
        raise ArgumentError(f"{fault}; each feature is in one group, and each group has at least one")
    single = [np.array([i]) for i in np.setdiff1d(np.arange(features.size), grouped)]
    return settings | {"groups": tuple(tuple(map(int, group)) for group in [*members, *single])}


def separated_axes(method: Method, settings: dict[str, Any], features: Features) -> tuple[str, ...]:
    """The axes of an image along which a method tells elements apart; () if these are all of them."""
    axes = tuple(method.separates(features.dims, settings))
    return () if set(axes) >= set(features.dims) else axes


def _are_names(members: Any) -> bool:
    return isinstance(members, Sequence) and not isinstance(members, str) and all(isinstance(m, str) for m in members)
