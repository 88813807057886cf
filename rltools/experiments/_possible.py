"""Checks that agents support what an experiment asks for, before anything is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from rltools.ablation import find_players, fitting_second
from rltools.attributions import Method, find_method
from rltools.errors import ArgumentError, GradientError, TargetError, UnknownNameError
from rltools.experiments._methods import AblationChoice, MethodChoice
from rltools.experiments.file import Experiment
from rltools.explanation.spec import decodes, with_card_groups, with_groups, with_whole_choices
from rltools.explanation.views import Window, in_units
from rltools.policies.base import Policy
from rltools.recording.attribution import VARIABLES
from rltools.targets import fitting_target


def possible_faults(plan: Experiment, policy: Policy) -> list[str]:
    """What an experiment asks for and an agent does not support, each with the reason."""
    return list(dict.fromkeys(_faults(plan, policy)))


def _faults(plan: Experiment, policy: Policy) -> Iterator[str]:
    methods = [find_method(choice.name) for choice in plan.methods]
    # A method about the decision has no other target: the targets are those of the other methods.
    scoring = [choice for choice in plan.methods if "decision" not in find_method(choice.name).needs]
    shared = next((choice for choice in scoring if choice.targets is None), None)
    for choice in [choice for choice in scoring if choice.targets is not None or choice is shared]:
        method = find_method(choice.name)
        for target in plan.targets if choice.targets is None else choice.targets:
            try:
                fitting_target(method.name, method.needs, target, policy)
            except GradientError:
                continue  # a fault of the method, whatever the target
            except TargetError as error:
                yield f"{'targets' if choice is shared else f'methods: targets of {choice.name}'}: {error}"
    for method in (method for method in methods if "decision" in method.needs):
        try:
            fitting_target(method.name, method.needs, None, policy)
        except TargetError as error:
            yield f"methods: {error}"
    yield from _without_gradients(methods, policy)
    for choice in plan.methods:
        try:
            seen = in_units(policy, choice.units)
            _ = Window(seen, choice.window) if choice.window else seen
        except ArgumentError as error:
            yield f"methods: {choice.name} of {policy.source.name}: {error}"
        if fault := _too_many(choice, policy):
            yield f"methods: {fault}"
    if plan.ablate is not None:
        yield from _ablation_faults(plan.ablate, policy)


def _without_gradients(methods: Sequence[Method], policy: Policy) -> Iterator[str]:
    for method in methods:
        try:
            with suppress(TargetError):
                fitting_target(method.name, method.needs, None, policy)
        except GradientError as error:
            yield f"methods: {error}"


def _ablation_faults(choice: AblationChoice, policy: Policy) -> Iterator[str]:
    try:
        find_players(policy.features, choice.groups)
    except (ArgumentError, UnknownNameError) as error:
        yield f"ablate: groups of {policy.source.name}: {error}"
    try:
        fitting_second(policy, choice.replace, choice.second)
    except ArgumentError as error:
        yield f"ablate: {error}"


def _too_many(choice: MethodChoice, policy: Policy) -> str:
    """Why a method cannot take the features of an agent, grouped by its parameters; "" if it can."""
    method, features = find_method(choice.name), policy.features
    try:
        settings = method.settings(dict(with_whole_choices(policy, method, choice.parameters)))
        settings = dict(with_card_groups(settings, features))
        features = features.decoded if decodes(method, settings, features) else features
        settings = with_groups(method, settings, features)
    except (ArgumentError, UnknownNameError) as error:
        return f"{method.name} of {policy.source.name}: {error}"
    players = method.count_parts(features.shape, features.dims, settings)
    if method.largest is None or players <= method.largest:
        return ""
    n_groups = len(features.decoded.variables())
    fewer = f"{{groups: {VARIABLES}}}, which are {n_groups}" if n_groups <= method.largest else "groups of features"
    grouped = f", or its parameters to {fewer}" if "groups" in method.defaults else ""
    return (
        f"{method.name} takes up to {method.largest} features, and {policy.source.name} observes {players}; set the "
        f"method to sampled_shapley or integrated_gradients, which take any number{grouped}"
    )
