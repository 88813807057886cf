"""Whether agents can do what an experiment asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rltools.attributions import find_method
from rltools.console import as_text
from rltools.errors import ArgumentError, ConfigError, TargetError, UnknownNameError
from rltools.experiment._file import Experiment, MethodChoice
from rltools.explanation._groups import SUMMARY, with_groups
from rltools.policy import Policy
from rltools.targets import fitting_target


def check_possible(plan: Experiment, path: Path, policies: Sequence[Policy], labels: Sequence[str]) -> None:
    """Ask every agent before anything is recorded, which can take hours.

    Args:
        plan: what is asked.
        path: of its file, for the message.
        policies: of the agents.
        labels: what these are called.

    Raises:
        ConfigError: all that they cannot do.
    """
    faults = [fault for policy in policies for fault in _faults(plan, policy)]
    faults += [
        f"agents: two are called {label}, and their results would be mixed up; rename one of them, or leave one out"
        for label, times in Counter(labels).items()
        if times > 1
    ]
    if faults:
        head = f"{as_text(path)}: these agents cannot do it; nothing was recorded"
        raise ConfigError("\n  ".join([head, *map(as_text, faults)]))


def _faults(plan: Experiment, policy: Policy) -> Iterator[str]:
    methods = [find_method(choice.name) for choice in plan.methods]
    # A method about the decision is asked about nothing else: the targets are those of the others.
    scoring = [method for method in methods if "decision" not in method.needs]
    for target in plan.targets if scoring else ():
        try:
            fitting_target(scoring[0].name, scoring[0].needs, target, policy)
        except TargetError as error:
            yield f"targets: {error}"
    for method in (method for method in methods if "decision" in method.needs):
        try:
            fitting_target(method.name, method.needs, None, policy)
        except TargetError as error:
            yield f"methods: {error}"
    for choice in plan.methods:
        if fault := _too_many(choice, policy):
            yield f"methods: {fault}"


def _too_many(choice: MethodChoice, policy: Policy) -> str:
    """Why a method cannot take what an agent observes, in the groups asked for; "" if it can."""
    method, features = find_method(choice.name), policy.features
    try:
        settings = with_groups(method, method.settings(choice.parameters), features)
    except (ArgumentError, UnknownNameError) as error:
        return f"{method.name} of {policy.source.name}: {error}"
    players, _ = method.fitting(features.shape, features.dims, settings)
    if method.largest is None or players <= method.largest:
        return ""
    there = len(features.groups(merged=True))
    fewer = f"{{groups: {SUMMARY}}}, which are {there}" if there <= method.largest else "groups of features"
    grouped = f", or its parameters to {fewer}" if "groups" in method.defaults else ""
    return (
        f"{method.name} takes up to {method.largest} features, and {policy.source.name} observes {players}; set the "
        f"method to sampled_shapley or integrated_gradients, which take any number{grouped}"
    )
