"""A sample of recorded steps that is explained again: with other references, other observations or another network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.short_repr import short_repr
from rltools.attributions import Method, find_method
from rltools.errors import RecordingError
from rltools.explanation._read import batches, check_same_policy, needed_columns, recorded_context, recorded_inputs
from rltools.explanation.batches import explained_rows, most_copies
from rltools.explanation.references import draw_visited
from rltools.explanation.spec import with_groups
from rltools.explanation.views import Decoded, Window, in_units
from rltools.policies.base import Context, Policy
from rltools.policies.device_memory import halving
from rltools.recording import AttributionSpec, Recording
from rltools.recording.parquet import read_columns
from rltools.recording.read_attribution import references_path
from rltools.targets import fitting_target, make_target_function, parse_target

MOST_STATES = 1000
"""The most visited states that a std is computed over."""


@dataclass(frozen=True)
class SampledSteps:
    """Some recorded steps, spread evenly over the episodes, as a policy takes them.

    Attributes:
        x: the encoded observations, `[row, *feature]`; over a window `[row, lag, *feature]`.
        context: what each row needs beside its observation, as it was recorded.
        episodes: int64 `[row]`, the number of the episode of each row.
        spec: the attribution that explained these steps; how to explain them again.
        references: `[reference, *feature]`, the states that it compared with; None without references.
    """

    x: Tensor
    context: Context
    episodes: np.ndarray
    spec: AttributionSpec
    references: Tensor | None

    __repr__ = short_repr


def view_for(policy: Policy, spec: AttributionSpec) -> Policy:
    """The policy as an attribution explains it: in its units, by factors, and over its window."""
    policy = in_units(policy, spec.parameters.get("units", "environment"))
    policy = Decoded(policy) if spec.decoded else policy
    return Window(policy, spec.window) if spec.window else policy


def sample_steps(recording: Recording, key: str, policy: Policy, steps: int) -> SampledSteps:
    """About so many recorded steps, with all that explaining them again takes.

    Args:
        recording: the recording.
        key: the folder name of an attribution in it.
        policy: the policy that was recorded.
        steps: at most about so many, one in every so many of all episodes.

    Raises:
        MismatchError: the policy is not the one that was recorded.
        RecordingError: no step can be read.

    Example:
        >>> import rltools
        >>> from rltools.explanation.sampled import explain_sample, sample_steps
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> sample = sample_steps(recording, recording.find(), policy, 20)
        >>> explain_sample(sample, policy).shape
        (20, 1, 4)
    """
    spec = recording.spec(key)
    policy = view_for(policy, spec)
    total = sum(outcome.steps for outcome in recording.outcomes())
    every = max(1, ceil(total / steps))
    names = needed_columns(recording, policy)
    blocks = [
        block
        for batch in batches(recording, recording.numbers, names, every, steps, 4096, spec.window)
        for block in batch
        if block.damage is None and len(block.t)
    ]
    if not blocks:
        raise RecordingError(f"{recording.directory} has no steps to explain again; record episodes first")
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns}
    check_same_policy(policy, columns, recording)
    episodes = np.concatenate([np.full(len(block.t), block.number) for block in blocks])
    x, context = recorded_inputs(policy, columns), recorded_context(policy, columns)
    return of_attribution(SampledSteps(x, context, episodes, spec, None), recording, key, policy)


def of_attribution(sample: SampledSteps, recording: Recording, key: str, policy: Policy) -> SampledSteps:
    """The same steps for another attribution of the same window and units."""
    path, references = references_path(recording.directory / "attributions" / key), None
    if path.is_file():
        references = torch.tensor(read_columns(path)["reference"], dtype=policy.dtype, device=policy.device)
    return replace(sample, spec=recording.spec(key), references=references)


def other_references(recording: Recording, sample: SampledSteps, policy: Policy, seed: int) -> Tensor | None:
    """As many references as an attribution has, drawn again from the visited states; None if it has none."""
    if sample.references is None:
        return None
    return view_for(policy, sample.spec).encode(draw_visited(recording, len(sample.references), seed))


def draw_replacements(recording: Recording, sample: SampledSteps, policy: Policy, count: int, seed: int) -> Tensor:
    """So many visited states, in turn if there are fewer, as what is explained: `[count, *feature]`."""
    states = view_for(policy, sample.spec).encode(draw_visited(recording, count, seed))
    return states[torch.arange(count, device=states.device) % len(states)]


def input_std(recording: Recording, sample: SampledSteps, policy: Policy) -> np.ndarray:
    """The std of each element of what is explained, in its units, over visited states: float64 `[element]`."""
    states = view_for(policy, sample.spec).encode(draw_visited(recording, MOST_STATES, 0))
    return states.double().reshape(len(states), -1).std(0, correction=0).nan_to_num().numpy(force=True)


@torch.inference_mode(False)  # a caller's inference mode would forbid gradients
def explain_sample(
    sample: SampledSteps,
    policy: Policy,
    *,
    x: Tensor | None = None,
    references: Tensor | None = None,
    seed: int | None = None,
) -> np.ndarray:
    """The attribution of a sample of steps, computed again: float `[row, target, *feature]`.

    The recorded actions are explained, whatever the policy would do now.

    Args:
        sample: the steps.
        policy: the policy that was recorded, or a copy of it with other weights.
        x: other observations of the same steps, shaped like `sample.x`; None for those that were recorded.
        references: other references; None for those of the attribution.
        seed: another seed of a method that draws; None for the recorded one.
    """
    policy, spec = view_for(policy, sample.spec), sample.spec
    method = find_method(spec.method)
    target = fitting_target(spec.method, method.needs, spec.target, policy)
    settings = with_groups(method, method.settings(_parameters(spec, method, seed)), policy.features)
    rows = explained_rows(
        *(policy, method, target, sample.x if x is None else x, sample.context),
        *(sample.references if references is None else references, settings),
        leave_one_out=False,
    )
    values: np.ndarray = rows.columns["values"]
    return values


def draws(spec: AttributionSpec) -> bool:
    """Whether an attribution depends on a seed: of references, or of noise and orders that the method draws."""
    method = find_method(spec.method)
    return "references" in method.needs or "seed" in method.defaults


def target_values(
    sample: SampledSteps, policy: Policy, copies: Callable[[slice], Tensor], count: int, *, target: str | None = None
) -> tuple[np.ndarray, bool]:
    """The target values of copies of the rows of a sample: float64 `[row, copy, target]`, NaN where none exists.

    Args:
        sample: the steps.
        policy: the policy.
        copies: from a slice of the rows to copies of them, `[row, copy, *feature]`.
        count: how many copies there are of each row.
        target: as text; None for the target of the attribution.

    Returns:
        The values, and whether they are choices among actions, whose numbers can only be equal or not.
    """
    policy, spec = view_for(policy, sample.spec), sample.spec
    parsed = parse_target(target or spec.target, policy)
    most = most_copies(policy, None, on_gpu=not sample.x.is_cpu)

    def values_of(part: slice, halvings: int) -> tuple[np.ndarray, bool]:
        context, copies_together = sample.context.rows(part), max(1, most >> halvings)
        f = make_target_function(policy, parsed, context, most_copies=copies_together, leave_one_out=False)
        with torch.no_grad():
            values = f(copies(part)).double().numpy(force=True)
        if (undefined := f.undefined) is not None:
            values = np.where(undefined.numpy(force=True)[:, None], np.nan, values)
        return values, f.categorical

    parts = [part for _, part in halving(len(sample.x), max(1, most // max(1, count)), values_of)]
    return np.concatenate([values for values, _ in parts]), parts[-1][1]


def _parameters(spec: AttributionSpec, method: Method, seed: int | None) -> dict[str, Any]:
    own = {name: spec.parameters[name] for name in method.defaults if name in spec.parameters}
    return own if seed is None or "seed" not in method.defaults else own | {"seed": seed}
