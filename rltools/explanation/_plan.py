"""How much of a recording is explained, and about how long that takes, before it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rltools._util.files import numbered
from rltools._util.progress import duration
from rltools.attributions import find_method
from rltools.errors import ArgumentError, TooCostlyError, argument
from rltools.explanation._cost import cheaper_ways, declared_seconds, measured_seconds, stride_within
from rltools.explanation.batches import check_passes
from rltools.explanation.references import VISITED, References, draw_visited, given_references
from rltools.explanation.spec import Asked, ask, with_groups
from rltools.explanation.views import Units, Window, in_units
from rltools.policies.base import Policy
from rltools.recording import AttributionSpec, Recording
from rltools.targets import Target

DECLARED_SECONDS = 60.0
"""For each method of an experiment."""


@dataclass(frozen=True)
class Plan:
    """What explaining a recording by one method will take.

    Attributes:
        name: the method and its target, for people.
        every: one step of so many is explained.
        steps: that are in the episodes which are not explained yet.
        step_seconds: measured, of one explained step; 0 where nothing is left to do.
        limit: seconds that were allowed; None for any number.
        resumed: whether the choice of steps is that of an earlier call.
        cheaper: what would cost less.
    """

    name: str
    every: int
    steps: int
    step_seconds: float
    limit: float | None = None
    resumed: bool = False
    cheaper: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return self.step_seconds * self.steps / self.every

    def __str__(self) -> str:
        """In one line: how many steps, how long, and where some are left out, why, and what would be cheaper."""
        if not self.steps:
            return f"explain {self.name}: there already"
        text = f"explain {self.name}: {self.steps:,} steps, about {duration(self.seconds)}"
        if self.every == 1:
            return text
        whole = duration(self.step_seconds * self.steps)
        text = f"explain {self.name}: one step in {self.every} of {self.steps:,}, about {duration(self.seconds)}"
        if self.resumed:
            return f"{text}, as was begun there; all steps would take about {whole}"
        why = "" if self.limit is None else f", and {self.limit:g} s are allowed (seconds={self.limit:g})"
        cheaper = f"; cheaper: {', '.join(self.cheaper)}" if self.cheaper else ""
        return f"{text}; all would take about {whole}{why}{cheaper}"


@torch.inference_mode(False)  # as explaining is
def plan_explaining(
    recording: Recording,
    policy: Policy,
    *,
    method: str,
    target: str | Target | None = None,
    references: References = None,
    window: int = 0,
    units: Units = "environment",
    every: int = 1,
    seed: int = 0,
    seconds: float | None = None,
    max_batch: int | None = None,
    threads: int | None = None,
    **parameters: Any,
) -> Plan:
    """Measure what one step costs, and choose which steps are explained; the arguments are those of `explain`.

    Where the same was explained before, also in part, the choice is the one it began with: results of two choices are
    never mixed.

    Raises:
        ArgumentError: seconds that are not above 0.
        TooCostlyError: a single step takes longer than is allowed; the message says what is cheaper.
        RltoolsError: whatever `explain` raises.
    """
    if seconds is not None and not (isinstance(seconds, Real) and seconds > 0):
        raise ArgumentError(f"seconds is {seconds!r:.80}; it must be a number above 0")
    policy = in_units(policy, units)
    policy = Window(policy, window) if window else policy
    chosen = parameters | ({"window": window} if window else {}) | ({"units": units} if units == "network" else {})
    asked = ask(recording, policy, method, target, references, every, seed, chosen)
    check_passes(policy, asked.method, references if isinstance(references, int) else 1, asked.settings)
    begun = _begun(recording, asked) if seconds is not None else None
    key = asked.key if begun is None else begun[0]
    name = f"{method} of {asked.target}{f' over {window} observations' if window else ''}"
    there = set(numbered(recording.directory / "attributions" / key))
    steps = sum(outcome.steps for outcome in recording.outcomes() if outcome.number not in there)
    if not steps:
        return Plan(name, every if begun is None else begun[1], 0, 0.0, seconds, begun is not None)
    states = _compared(recording, policy, asked, references, seed)
    step_seconds = measured_seconds(recording, policy, asked, states, max_batch, threads)
    if begun is not None:
        return Plan(name, begun[1], steps, step_seconds, seconds, resumed=True)
    n_references = 0 if states is None else len(states)
    cheaper = tuple(cheaper_ways(policy, asked.method, n_references, asked.method.settings(parameters)))
    if seconds is not None and step_seconds > seconds:
        instead = ", ".join(cheaper) or "the method gradient"
        raise TooCostlyError(
            f"{name} takes about {duration(step_seconds)} for a single step, and "
            f"{argument('seconds', f'{seconds:g}')} are allowed for "
            f"all of them; cheaper: {instead}"
        )
    needed = every if seconds is None else every * stride_within(step_seconds, -(-steps // every), seconds)
    return Plan(name, needed, steps, step_seconds, seconds, cheaper=cheaper)


def declared_stride(
    recording: Recording, policy: Policy, method: str, references: int | None, parameters: Mapping[str, Any]
) -> int:
    """One step of how many an experiment explains: the same on every machine, by what method and network declare.

    All of it takes about a minute on a common machine; see `declared_seconds`.
    """
    found = find_method(method)
    settings = with_groups(found, found.settings(dict(parameters)), policy.features)
    compared = (references or VISITED) if "references" in found.needs else 1
    steps = sum(outcome.steps for outcome in recording.outcomes())
    return max(1, ceil(steps * declared_seconds(policy, found, compared, settings) / DECLARED_SECONDS))


def _begun(recording: Recording, asked: Asked) -> tuple[str, int] | None:
    """The folder and the stride of what was asked before, whatever its stride; complete ones first, then dense ones."""
    wanted = _without_stride(asked.spec)
    found = [(key, spec) for key, spec in recording.specs.items() if _without_stride(spec) == wanted]
    fitting = [(not recording.complete(key), spec.every, key) for key, spec in found]
    if not fitting:
        return None
    _, every, key = min(fitting)
    return key, every


def _without_stride(spec: AttributionSpec) -> str:
    return json.dumps(replace(spec, every=1, unseen=None).to_json(), sort_keys=True)


def _compared(recording: Recording, policy: Policy, asked: Asked, references: References, seed: int) -> Tensor | None:
    """As many states as the method will compare with; nothing is written."""
    if "references" not in asked.method.needs:
        return None
    if references is None or isinstance(references, int):
        return policy.encode(draw_visited(recording, VISITED if references is None else references, seed))
    return given_references(policy, references)
