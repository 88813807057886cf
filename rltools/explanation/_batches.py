"""Attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, Result
from rltools.policy import Context, Policy
from rltools.targets import MOST_COPIES, Score, Target, make_score

MOST_BYTES = 1 << 26
"""Of float inputs that are held at once, for large observations."""
SMALLER_BATCHES = 3


@dataclass(frozen=True)
class Explained:
    """What a method said of some rows, as arrays: see `Result` and `rltools.recording.Attribution`.

    Attributes:
        columns: one row each.
        failed: rows that are NaN because the method failed.
        without: `[row, block, target, *feature]`, the values without each block of draws; None where nothing was drawn.
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
    reference: Tensor | None,
    parameters: dict[str, Any],
    max_batch: int | None = None,
) -> Explained:
    """Attributions of rows `x [row, *feature]`; `context` is theirs. NaN where a method failed, and counted."""
    columns: dict[str, np.ndarray] = {}
    for rows, score, result in _chunks(policy, method, target, x, context, reference, parameters, max_batch):
        scores = score.known()
        if scores is None:
            with torch.no_grad():
                scores = score(x[rows])
        for name, part in _columns(scores, result).items():
            if name not in columns:
                columns[name] = np.empty((len(x), *part.shape[1:]), part.dtype)
            columns[name][rows] = part
    without = columns.pop("without", None)
    values = columns["values"]
    finite = np.isfinite(values).all(tuple(range(2, values.ndim)))
    values[~finite] = np.nan
    return Explained(columns, int((~finite.all(1)).sum()), without)


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
    most = most_copies(prod(x.shape[1:]), x.element_size(), max_batch)
    size = chunk_rows(method, x.shape[1:], policy.features.dims, references, parameters, most)
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


def most_copies(features: int, item_bytes: int, max_batch: int | None) -> int:
    """How many rows go through the network at once, where nobody says."""
    return max_batch or max(1, min(MOST_COPIES, MOST_BYTES // (max(1, features) * item_bytes)))


def chunk_rows(
    method: Method, shape: Sequence[int], dims: Sequence[str], references: int, parameters: dict[str, Any], most: int
) -> int:
    """How many rows of this shape a method is given at once, with all the copies it makes of them."""
    return max(1, most // max(1, method.held(shape, dims, references, method.settings(parameters))))


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
