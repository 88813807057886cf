"""Attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, Result
from rltools.policy import Context, Policy
from rltools.targets import Score, Target, make_score

MOST_FORWARDS = 1 << 15
"""Rows that go through the network at once: more would leave the processor's caches and gain nothing."""
MOST_BYTES = 1 << 26
"""Of float inputs that are held at once, for large observations."""
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
) -> Explained:
    """Attributions of rows `x [row, *feature]`; `context` is theirs. NaN where a method failed, and counted."""
    parts = []
    for rows, score, result in _chunks(policy, method, target, x, context, reference, parameters):
        scores = score.known()
        if scores is None:
            with torch.no_grad():
                scores = score(x[rows])
        parts.append(_columns(scores, result))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values = columns["values"]
    finite = np.isfinite(values).all(tuple(range(2, values.ndim)))
    values[~finite] = np.nan
    return Explained(columns, int((~finite.all(1)).sum()))


def _chunks(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    reference: Tensor | None,
    parameters: dict[str, Any],
) -> Iterator[tuple[slice, Score, Result]]:
    references = 0 if reference is None else len(reference)
    size = chunk_rows(method, prod(x.shape[1:]), x.element_size(), references)
    start, tries = 0, 0
    while start < max(len(x), 1):
        rows = slice(start, start + size)
        score = make_score(policy, target, context.rows(rows))
        try:
            result = method(score, x[rows], reference=reference, **parameters)
        except torch.cuda.OutOfMemoryError:
            tries += 1
            if tries > SMALLER_BATCHES:
                raise
            size = max(1, size // 4)
            continue
        yield rows, score, result
        start += size


def chunk_rows(method: Method, features: int, item_bytes: int, references: int) -> int:
    """How many rows of so many features a method is given at once, with all their perturbed copies."""
    features = max(1, features)
    forwards = max(1, method.forwards(features, references) // max(1, references))  # methods take references in turn
    most = min(MOST_FORWARDS, MOST_BYTES // (features * item_bytes))
    return max(1, most // forwards)


def _columns(scores: Tensor, result: Result) -> dict[str, np.ndarray]:
    found = {
        "values": result.values,
        "scores": scores,
        "residual": result.residual,
        "standard_error": result.standard_error,
        "complete": result.complete,
    }
    return {name: part.detach().cpu().numpy() for name, part in found.items() if part is not None}
