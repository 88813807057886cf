"""Attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, Result
from rltools.attributions._support.draws import BLOCKS
from rltools.attributions.gradient import gradient
from rltools.attributions.input_x_gradient import input_x_gradient
from rltools.errors import TooCostlyError
from rltools.explanation._counted import Portion, counted
from rltools.policies.base import Context, Policy
from rltools.policies.threads import compute_threads
from rltools.targets import (
    MOST_COPIES,
    PolicyTargetFunction,
    Target,
    Weights,
    base_head,
    gradients_by_vjp,
    linear_weights,
    make_target_function,
    remembered,
    target_labels,
    terms,
)

MOST_BYTES = 1 << 26
"""Of float inputs that are held at once, for large observations."""
MOST_OUTPUT_BYTES = 1 << 22
"""Of a head's outputs that are held at once, for very many actions; each step from them to a target is as large."""
MOST_VALUE_BYTES = 1 << 24
"""Of attributions that a method makes at once, for very many targets."""
SMALLER_BATCHES = 3
MOST_PASSES = 10**9
"""Through the network for one row: of the smallest network a quarter of an hour."""


@dataclass(frozen=True)
class Explained:
    """What a method said of some rows, as arrays: see `Result` and `rltools.recording.Attribution`.

    Attributes:
        columns: one row each.
        failed: rows that are NaN because the method failed.
        without: `[row, block, target, *feature]`, the values without each block of draws; None where nothing was drawn,
            or where they are not wanted.
    """

    columns: dict[str, np.ndarray]
    failed: int
    without: np.ndarray | None = None


def explained_rows(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    references: Tensor | None,
    parameters: dict[str, Any],
    max_batch: int | None = None,
    *,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
    leave_one_out: bool = True,
) -> Explained:
    """Attributions of rows `x [row, *feature]`; `context` is theirs.

    NaN where a method failed, and counted; NaN without being counted where the score does not exist. `advance` is
    called with how many rows are done since the last call, also with parts of one while it is worked on. Without
    `leave_one_out` methods do not compute `Explained.without`, which only recordings keep.
    """
    n_references = 0 if references is None else len(references)
    check_passes(policy, method, n_references, parameters)
    at_once = pass_rows(policy, method, len(x), n_references, parameters, max_batch)
    with compute_threads(policy, at_once, threads):
        decided = from_one_pass(policy, method, target, x, context)
        if decided is not None and all_finite(decided["values"]):
            return Explained(decided, 0)
        columns: dict[str, np.ndarray] = {}
        undefined = np.zeros((len(x), 1), bool)
        for rows, score, result in _chunks(
            policy, method, target, x, context, references, parameters, max_batch, advance, leave_one_out
        ):
            scores = score.known()
            if scores is None:
                with torch.no_grad():
                    scores = score(x[rows])
            for name, part in _columns(scores, result).items():
                if name not in columns:
                    columns[name] = np.empty((len(x), *part.shape[1:]), part.dtype)
                columns[name][rows] = part
            if score.undefined is not None:
                undefined = np.broadcast_to(undefined, (len(x), score.outputs)).copy()
                undefined[rows] = score.undefined.numpy(force=True)
    without = columns.pop("without", None)
    values = columns["values"]
    finite = np.isfinite(values).all(tuple(range(2, values.ndim)))
    values[~finite | undefined] = np.nan
    return Explained(columns, int((~finite & ~undefined).any(1).sum()), without)


def _chunks(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    references: Tensor | None,
    parameters: dict[str, Any],
    max_batch: int | None,
    advance: Callable[[float], None] | None,
    leave_one_out: bool,
) -> Iterator[tuple[slice, PolicyTargetFunction, Result]]:
    n_references = 0 if references is None else len(references)
    most = most_copies(policy, max_batch)
    targets = len(target_labels(target, policy))
    size = chunk_rows(method, policy, targets, n_references, parameters, most)
    passes = 0
    if advance is not None:
        settings = method.settings(parameters)
        passes = method.passes(x.shape[1:], policy.features.dims, n_references, settings)
    start, tries = 0, 0
    while start < max(len(x), 1):
        rows = slice(start, start + size)
        score = make_target_function(policy, target, context.rows(rows), most_copies=most, leave_one_out=leave_one_out)
        portion = Portion(len(x[rows]), advance or (lambda rows: None))
        given = score if advance is None else counted(method, score, passes, portion)
        try:
            result = method(given, x[rows], references=references, **parameters)
        except torch.cuda.OutOfMemoryError:
            tries += 1
            if tries > SMALLER_BATCHES:
                raise
            size, most = max(1, size // 4), max(1, most // 4)
            portion.give_up()
            continue
        portion.finish()
        yield rows, score, result
        start += size


def most_copies(policy: Policy, max_batch: int | None) -> int:
    """How many rows go through the network at once, where nobody says."""
    inputs = max(1, policy.features.size) * policy.dtype.itemsize
    outputs = max(1, len(policy.action_names)) * policy.dtype.itemsize
    return max_batch or max(1, min(MOST_COPIES, MOST_BYTES // inputs, MOST_OUTPUT_BYTES // outputs))


def check_passes(policy: Policy, method: Method, references: int, parameters: Mapping[str, Any]) -> None:
    """Refuse at once what no computer finishes, before anything as large is made.

    Raises:
        TooCostlyError: a single row takes more than `MOST_PASSES` through the network.
    """
    features, settings = policy.features, method.settings(dict(parameters))
    players, _ = method.fitting(features.shape, features.dims, settings)
    if method.largest is not None and players > method.largest:
        return  # the method itself says how many it takes
    passes = method.passes(features.shape, features.dims, references, settings)
    if passes > MOST_PASSES:
        raise TooCostlyError(
            f"{method.name} would take {passes:.3g} passes through the network for a single step, and at most "
            f"{MOST_PASSES:.0e} are made; give smaller numbers, fewer references, or groups of features"
        )


def pass_rows(
    policy: Policy, method: Method, rows: int, references: int, parameters: dict[str, Any], max_batch: int | None
) -> int:
    """How many rows go through the network at once while a method explains so many, their copies included."""
    features = policy.features
    most = most_copies(policy, max_batch)
    held = method.held(features.shape, features.dims, references, method.settings(parameters))
    return min(most, rows * max(1, held))


def chunk_rows(
    method: Method, policy: Policy, targets: int, references: int, parameters: dict[str, Any], most: int
) -> int:
    """How many rows a method is given at once, with all the copies it makes of them and all it says of each target."""
    features = policy.features
    held = method.held(features.shape, features.dims, references, method.settings(parameters))
    # Of each target there are values, with and without each block of references, and before that gradients with
    # respect to the outputs.
    values = features.size * (1 + min(references, BLOCKS))
    row_bytes = max(1, targets * max(values, len(policy.action_names))) * policy.dtype.itemsize
    return max(1, min(most // max(1, held), MOST_VALUE_BYTES // row_bytes if targets > 1 else most))


def _columns(scores: Tensor, result: Result) -> dict[str, np.ndarray]:
    found = {
        "values": result.values,
        "scores": scores,
        "residual": result.residual,
        "standard_error": result.standard_error,
        "complete": result.complete,
        "without": None if result.without is None else result.without.transpose(0, 1),
    }
    return {name: part.detach().cpu().numpy() for name, part in found.items() if part is not None}


def from_one_pass(
    policy: Policy, method: Method, target: Target, x: Tensor, context: Context
) -> dict[str, np.ndarray] | None:
    """The values for rows `x [row, *feature]`, as `explained_rows` gives them, from their `context.forward_pass`.

    None where another method, head or row is asked about, or a target that is no sum of the outputs.
    """
    decided, head = context.forward_pass, policy.heads[0]
    is_known = method is gradient or method is input_x_gradient
    if decided is None or not is_known or not decided.is_of(head, x):
        return None
    weights = remembered("weights of the first head", target, policy, lambda: _weights(policy, target))
    action = None if context.action is None else context.action.numpy(force=True)
    if weights is None or (weights.chosen is not None and action is None):
        return None
    of_rows = weights.of_rows(action, len(x))
    scores = (decided.output.numpy(force=True)[:, None] * of_rows).sum(2)
    if of_rows.shape[1] == 1:
        values = decided.vjp_fn(torch.from_numpy(of_rows[:, 0].copy()).to(x.device))[:, None]
    else:
        upstream = torch.from_numpy(of_rows.copy()).to(x.device)
        pulled = {head: (decided.output, decided.vjp_fn)}
        values = gradients_by_vjp(pulled, None, upstream, x.shape[:1], x[:1].numel()).movedim(0, 1)
    found = values.numpy(force=True)
    if method is input_x_gradient:
        found = found * x.numpy(force=True)[:, None]
    return {"values": np.ascontiguousarray(found), "scores": scores}


def all_finite(values: np.ndarray) -> bool:
    """Whether all values are finite, in a fraction of the time of looking at each; False for sums that overflow."""
    return isfinite(values.sum())


def _weights(policy: Policy, target: Target) -> Weights | None:
    """Of the scalars in the outputs of the head that decides; None where they are no such sums."""
    if any(base_head(term, policy) != policy.heads[0] for term in terms(target)):
        return None
    return linear_weights(policy, target)
