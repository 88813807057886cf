"""Plans how many steps of a recording are explained, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rltools._util.files import numbered
from rltools._util.progress import duration
from rltools._util.workers import Workers, parallel_parts
from rltools.attributions import find_method
from rltools.errors import ArgumentError, TooCostlyError, argument
from rltools.explanation._cost import cheaper_ways, declared_seconds, measured_seconds, stride_within
from rltools.explanation.references import VISITED, References, draw_visited, encode_references
from rltools.explanation.spec import BoundSpec, bind, with_groups, with_whole_choices
from rltools.explanation.views import Units
from rltools.policies.base import Policy
from rltools.recording import Recording
from rltools.targets import Target

DECLARED_SECONDS = 60.0
"""Seconds that each method of an experiment may take on a common machine."""


@dataclass(frozen=True)
class Plan:
    """How long one attribution of a recording will take.

    Attributes:
        name: the method and its target, as text.
        every: the stride; one step in so many is explained.
        steps: the number of steps in episodes that are not explained yet.
        step_seconds: measured for one explained step, over all processes; 0 if nothing is left to do.
        limit: the allowed seconds; None for no limit.
        resumed: whether the stride is that of an earlier call.
        cheaper: settings that would cost less, as text.
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
        """The estimated duration."""
        return self.step_seconds * self.steps / self.every

    def __str__(self) -> str:
        """The plan in one line: steps, duration, and, for a sample of the steps, the reason and cheaper settings."""
        if not self.steps:
            return f"explain {self.name}: already done"
        text = f"explain {self.name}: {self.steps:,} steps, about {duration(self.seconds)}"
        if self.every == 1:
            return text
        all_steps = duration(self.step_seconds * self.steps)
        text = f"explain {self.name}: one step in {self.every} of {self.steps:,}, about {duration(self.seconds)}"
        if self.resumed:
            return f"{text}, continuing an earlier sample; all steps would take about {all_steps}"
        why = "" if self.limit is None else f", and {self.limit:g} s are allowed (seconds={self.limit:g})"
        cheaper = f"; cheaper: {', '.join(self.cheaper)}" if self.cheaper else ""
        return f"{text}; all would take about {all_steps}{why}{cheaper}"


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
    workers: Workers = 1,
    **parameters: Any,
) -> Plan:
    """Measure the cost of a step, and choose the stride; the arguments are those of `explain`.

    If the same was explained before, even in part, its stride is continued: samples of two strides are never mixed.

    Raises:
        ArgumentError: `seconds` is not above 0.
        TooCostlyError: a single step takes longer than `seconds`; the message says what is cheaper.
        RltoolsError: any error of `explain`.
    """
    if seconds is not None and not (isinstance(seconds, Real) and seconds > 0):
        raise ArgumentError(f"seconds is {seconds!r:.80}; it must be a number above 0")
    bound = bind(
        recording,
        policy,
        method=method,
        target=target,
        references=references,
        window=window,
        units=units,
        every=every,
        seed=seed,
        parameters=parameters,
    )
    begun = _begun(recording, bound) if seconds is not None else None
    key = bound.key if begun is None else begun[0]
    name = f"{method} of {bound.target}{f' over {window} observations' if window else ''}"
    explained = set(numbered(recording.directory / "attributions" / key))
    steps = sum(outcome.steps for outcome in recording.outcomes() if outcome.number not in explained)
    if not steps:
        return Plan(name, every if begun is None else begun[1], 0, 0.0, seconds, begun is not None)
    states = _reference_states(recording, bound, references, seed)
    alone = measured_seconds(recording, bound.policy, bound, states, max_batch, threads)
    step_seconds = alone / min(parallel_parts(workers), len(recording))
    if begun is not None:
        return Plan(name, begun[1], steps, step_seconds, seconds, resumed=True)
    n_references = 0 if states is None else len(states)
    cheaper = tuple(cheaper_ways(bound.policy, bound.method, n_references, bound.method.settings(parameters)))
    if seconds is not None and alone > seconds:
        raise TooCostlyError(
            f"{name} takes about {duration(alone)} for a single step, and "
            f"{argument('seconds', f'{seconds:g}')} are allowed for all of them; "
            f"cheaper: {', '.join(cheaper) or 'the method gradient'}"
        )
    stride = every if seconds is None else every * stride_within(step_seconds, -(-steps // every), seconds)
    return Plan(name, stride, steps, step_seconds, seconds, cheaper=cheaper)


def declared_stride(
    recording: Recording, policy: Policy, method: str, references: int | None, parameters: Mapping[str, Any]
) -> int:
    """The stride of an experiment, from what method and network declare, so that it is the same on every machine.

    The attributions take about a minute on a common machine; see `declared_seconds`.
    """
    implementation = find_method(method)
    whole = with_whole_choices(policy, implementation, parameters)
    settings = with_groups(implementation, implementation.settings(dict(whole)), policy.features)
    count = (references or VISITED) if "references" in implementation.needs else 1
    steps = sum(outcome.steps for outcome in recording.outcomes())
    return max(1, ceil(steps * declared_seconds(policy, implementation, count, settings) / DECLARED_SECONDS))


def _begun(recording: Recording, bound: BoundSpec) -> tuple[str, int] | None:
    """The key and stride of the same attribution with any stride; complete ones first, then the smallest stride."""
    dense = replace(bound.spec, every=1)
    candidates = [
        (not recording.is_complete(key), spec.every, key)
        for key, spec in recording.specs.items()
        if dense.specifies_same(replace(spec, every=1))
    ]
    if not candidates:
        return None
    _, every, key = min(candidates)
    return key, every


def _reference_states(recording: Recording, bound: BoundSpec, references: References, seed: int) -> Tensor | None:
    """The reference states that the method will use, `[reference, *feature]`; nothing is written."""
    if "references" not in bound.method.needs:
        return None
    if references is None or isinstance(references, int):
        return bound.policy.encode(draw_visited(recording, VISITED if references is None else references, seed))
    return encode_references(bound.policy, references)
