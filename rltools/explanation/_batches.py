"""Attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, Result
from rltools.explanation._one_pass import all_finite, from_one_pass
from rltools.policy import Context, Policy
from rltools.targets import MOST_COPIES, Score, Target, make_score, target_labels

MOST_BYTES = 1 << 26
"""Of float inputs that are held at once, for large observations."""
MOST_OUTPUT_BYTES = 1 << 22
"""Of a head's outputs that are held at once, for very many actions; each step from them to a target is as large."""
MOST_VALUE_BYTES = 1 << 24
"""Of attributions that a method makes at once, for very many targets."""
SMALLER_BATCHES = 3


@dataclass(frozen=True)
class Explained:
    """What a method said of some rows, as arrays: see `Result` and `rltools.recording.Attribution`."""

    columns: dict[str, np.ndarray]
    failed: int


def explained_rows(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    reference: Tensor | None,
    parameters: dict[str, Any],
    max_batch: int | None = None,
) -> Explained:
    """Attributions of rows `x [row, *feature]`; `context` is theirs.

    NaN where a method failed, and counted; NaN without being counted where the score does not exist.
    """
    at_once = from_one_pass(policy, method, target, x, context)
    if at_once is not None and all_finite(at_once["values"]):
        return Explained(at_once, 0)
    columns: dict[str, np.ndarray] = {}
    undefined = np.zeros((len(x), 1), bool)
    for rows, score, result in _chunks(policy, method, target, x, context, reference, parameters, max_batch):
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
    values = columns["values"]
    finite = np.isfinite(values).all(tuple(range(2, values.ndim)))
    values[~finite | undefined] = np.nan
    return Explained(columns, int((~finite & ~undefined).any(1).sum()))


def _chunks(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    reference: Tensor | None,
    parameters: dict[str, Any],
    max_batch: int | None,
) -> Iterator[tuple[slice, Score, Result]]:
    references = 0 if reference is None else len(reference)
    most = most_copies(policy, max_batch)
    targets = len(target_labels(target, policy))
    size = chunk_rows(method, policy, targets, references, parameters, most)
    start, tries = 0, 0
    while start < max(len(x), 1):
        rows = slice(start, start + size)
        score = make_score(policy, target, context.rows(rows), most_copies=most)
        try:
            result = method(score, x[rows], reference=reference, **parameters)
        except torch.cuda.OutOfMemoryError:
            tries += 1
            if tries > SMALLER_BATCHES:
                raise
            size, most = max(1, size // 4), max(1, most // 4)
            continue
        yield rows, score, result
        start += size


def most_copies(policy: Policy, max_batch: int | None) -> int:
    """How many rows go through the network at once, where nobody says."""
    inputs = max(1, policy.features.size) * policy.dtype.itemsize
    outputs = max(1, len(policy.action_names)) * policy.dtype.itemsize
    return max_batch or max(1, min(MOST_COPIES, MOST_BYTES // inputs, MOST_OUTPUT_BYTES // outputs))


def chunk_rows(
    method: Method, policy: Policy, targets: int, references: int, parameters: dict[str, Any], most: int
) -> int:
    """How many rows a method is given at once, with all the copies it makes of them and all it says of each target."""
    features = policy.features
    held = method.held(features.shape, features.dims, references, method.settings(parameters))
    # Of each target there are gradients with respect to the features, and before that to the outputs.
    row_bytes = max(1, targets * max(features.size, len(policy.action_names))) * policy.dtype.itemsize
    return max(1, min(most // max(1, held), MOST_VALUE_BYTES // row_bytes if targets > 1 else most))


def _columns(scores: Tensor, result: Result) -> dict[str, np.ndarray]:
    found = {
        "values": result.values,
        "scores": scores,
        "residual": result.residual,
        "standard_error": result.standard_error,
        "complete": result.complete,
    }
    return {name: part.detach().cpu().numpy() for name, part in found.items() if part is not None}
