"""Attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Method, Result
from rltools.errors import TooCostlyError
from rltools.explanation._counted import Portion, counted
from rltools.policy import Context, Policy
from rltools.targets import MOST_COPIES, Score, Target, make_score
from rltools.threads import compute_threads

MOST_BYTES = 1 << 26
"""Of float inputs that are held at once, for large observations."""
SMALLER_BATCHES = 3
MOST_PASSES = 10**9
"""Through the network for one row: of the smallest network a quarter of an hour."""


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
    *,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> Explained:
    """Attributions of rows `x [row, *feature]`; `context` is theirs. NaN where a method failed, and counted.

    `advance` is called with how many rows are done since the last call, also with parts of one while it is worked on.
    """
    columns: dict[str, np.ndarray] = {}
    references = 0 if reference is None else len(reference)
    check_passes(policy, method, references, parameters)
    at_once = pass_rows(policy, method, len(x), references, parameters, max_batch)
    with compute_threads(policy, at_once, threads):
        for rows, score, result in _chunks(
            policy, method, target, x, context, reference, parameters, max_batch, advance
        ):
            scores = score.known()
            if scores is None:
                with torch.no_grad():
                    scores = score(x[rows])
            for name, part in _columns(scores, result).items():
                if name not in columns:
                    columns[name] = np.empty((len(x), *part.shape[1:]), part.dtype)
                columns[name][rows] = part
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
    max_batch: int | None,
    advance: Callable[[float], None] | None,
) -> Iterator[tuple[slice, Score, Result]]:
    references = 0 if reference is None else len(reference)
    most = most_copies(prod(x.shape[1:]), x.element_size(), max_batch)
    size = chunk_rows(method, x.shape[1:], policy.features.dims, references, parameters, most)
    passes = 0
    if advance is not None:
        settings = method.settings(parameters)
        passes = method.passes(x.shape[1:], policy.features.dims, references, settings)
    start, tries = 0, 0
    while start < max(len(x), 1):
        rows = slice(start, start + size)
        score = make_score(policy, target, context.rows(rows), most_copies=most)
        portion = Portion(len(x[rows]), advance or (lambda rows: None))
        given = score if advance is None else counted(method, score, passes, portion)
        try:
            result = method(given, x[rows], reference=reference, **parameters)
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


def most_copies(features: int, item_bytes: int, max_batch: int | None) -> int:
    """How many rows go through the network at once, where nobody says."""
    return max_batch or max(1, min(MOST_COPIES, MOST_BYTES // (max(1, features) * item_bytes)))


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
    most = most_copies(features.size, policy.dtype.itemsize, max_batch)
    held = method.held(features.shape, features.dims, references, method.settings(parameters))
    return min(most, rows * max(1, held))


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
    }
    return {name: part.detach().cpu().numpy() for name, part in found.items() if part is not None}
