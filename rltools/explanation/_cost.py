"""Estimates the cost of explaining, from a few recorded steps or from what a method and a network declare."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from math import ceil, log10
from time import perf_counter as clock
from typing import Any

import numpy as np
from torch import Tensor

from rltools.attributions import Method
from rltools.errors import RltoolsError
from rltools.explanation._read import batches, needed_columns, recorded_context, recorded_inputs
from rltools.explanation.batches import chunk_rows, explained_rows
from rltools.explanation.spec import BoundSpec, with_groups
from rltools.explanation.views import Window
from rltools.policies.base import Policy
from rltools.policies.network_size import row_work
from rltools.recording import Recording
from rltools.recording.attribution import VARIABLES

LONG_ENOUGH = 0.3
"""Seconds after which a measurement is not repeated with more rows."""
LONGEST = 2.0
"""Seconds after which a measurement is stopped; the rest of the step is assumed to be as fast."""
EPISODES = 5
"""How many episodes, spread over the recording, provide the steps to measure."""
OPERATIONS_PER_SECOND = 2.5e10
SECONDS_PER_ENTRY, SECONDS_PER_PASS = 4e-9, 2e-7
"""The speed of one thread of a common machine, from small and large networks; see `declared_seconds`."""
STRIDES = (1, 2, 3, 5)
MANY_REFERENCES = 8


class _EnoughError(RltoolsError):
    """Ends a measurement inside a method; an error of rltools, because those of Captum are turned into others."""


def measured_seconds(
    recording: Recording,
    policy: Policy,
    bound: BoundSpec,
    references: Tensor | None,
    max_batch: int | None,
    threads: int | None,
) -> float:
    """Seconds that one step takes, measured on steps spread over the recording; 0 if it has no steps.

    A step that takes longer than `LONGEST` is not finished.

    Raises:
        RltoolsError: an error of the method.
    """
    columns = _some_steps(recording, policy, bound, references, max_batch)
    if not columns:
        return 0.0
    x, context = recorded_inputs(policy, columns), recorded_context(policy, columns)
    rows = 1
    while True:
        done, begun = 0.0, clock()

        def advance(more: float) -> None:
            nonlocal done
            done += more
            if clock() - begun > LONGEST and 0 < done < rows:  # noqa: B023  # called before the next round
                raise _EnoughError

        some = slice(0, rows)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # explaining the steps warns of what is not finite
                explained_rows(
                    *(policy, bound.method, bound.target, x[some], context.rows(some), references, bound.settings),
                    max_batch,
                    threads=threads,
                    advance=advance,
                )
        except _EnoughError:
            return (clock() - begun) / done
        passed = clock() - begun
        if passed > LONG_ENOUGH or rows == len(x):
            return passed / rows
        rows = min(8 * rows, len(x))


def _some_steps(
    recording: Recording, policy: Policy, bound: BoundSpec, references: Tensor | None, max_batch: int | None
) -> dict[str, np.ndarray]:
    """Columns of as many steps as the method is given together, evenly from a few episodes."""
    n_references = 0 if references is None else len(references)
    targets = len(bound.spec.labels)
    rows = chunk_rows(bound.method, policy, targets, n_references, bound.settings, max_batch)
    outcomes = [outcome for outcome in recording.outcomes() if outcome.steps]
    outcomes = outcomes[:: ceil(len(outcomes) / EPISODES)] if outcomes else []
    every = max(1, sum(outcome.steps for outcome in outcomes) // rows)
    names, lags = needed_columns(recording, policy), policy.lags if isinstance(policy, Window) else 0
    step_batches = batches(recording, [outcome.number for outcome in outcomes], names, every, rows, 1024, lags)
    for batch in step_batches:
        pieces = [piece for piece in batch if piece.damage is None and len(piece.t)]
        if pieces:
            joined = {name: np.concatenate([piece.columns[name] for piece in pieces]) for name in names}
            if lags:
                joined["before"] = np.concatenate([piece.columns["before"] for piece in pieces])
            return {name: values[:rows] for name, values in joined.items()}
    return {}


def declared_seconds(policy: Policy, method: Method, references: int, settings: Mapping[str, Any]) -> float:
    """Seconds that one step takes on a common machine, by the method's declared cost and the network's weights.

    The same on every machine, so that what an experiment explains does not depend on where it runs.
    """
    features = policy.features
    passes = method.cost_of_row(features.shape, features.dims, references, settings).passes
    one_pass = row_work(policy) / OPERATIONS_PER_SECOND + features.size * SECONDS_PER_ENTRY + SECONDS_PER_PASS
    return passes * one_pass


def stride_within(step_seconds: float, steps: int, seconds: float) -> int:
    """The smallest stride that fits into `seconds`: 1, 2, 3, 5, 10, 20, 30, 50, ..., or the number of all steps.

    There are few choices, so that noise in the measurement seldom changes the stride.

    >>> stride_within(0.01, 20_000, 60), stride_within(0.01, 20_000, 10), stride_within(0.01, 100, 60)
    (5, 20, 1)
    """
    needed = step_seconds * steps / seconds
    ten: int = 10 ** max(0, int(log10(max(1.0, needed))))
    return min(max(1, steps), next(factor * ten for factor in (*STRIDES, 10) if factor * ten >= needed))


def cheaper_ways(policy: Policy, method: Method, references: int, settings: Mapping[str, Any]) -> list[str]:
    """Changes that would make a step cheaper, the largest saving first, each with the factor that it saves."""
    features = policy.features

    def passes(references: int, settings: Mapping[str, Any]) -> int:
        resolved = with_groups(method, dict(settings), features)
        return method.cost_of_row(features.shape, features.dims, references, resolved).passes

    now = passes(references, settings)
    changes = [(now / max(1, count), text) for count, text in _changes(passes, method, references, settings)]
    return [f"{text} ({factor:.3g} times)" for factor, text in sorted(changes, reverse=True)[:3] if factor >= 1.5]


def _changes(passes: Any, method: Method, references: int, settings: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Cheaper parameters, each as the passes it takes and a text."""
    if "references" in method.needs and references > MANY_REFERENCES:
        yield passes(MANY_REFERENCES, settings), f"{MANY_REFERENCES} references instead of {references}"
    if "groups" in settings and settings["groups"] is None:
        yield passes(references, {**settings, "groups": VARIABLES}), f"groups={VARIABLES}"
    for name, value in settings.items():
        if isinstance(value, int) and not isinstance(value, bool) and name != "seed" and value > 0:
            for other in {max(1, value // 4), 2 * value} - {value}:
                yield passes(references, {**settings, name: other}), f"{name}={other} instead of {value}"
