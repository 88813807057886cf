"""Computes attributions of many rows, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import Cost, Method, Result
from rltools.errors import TooCostlyError
from rltools.policies.base import Context, Policy
from rltools.policies.device_memory import fitting_rows, halving
from rltools.policies.threads import compute_threads
from rltools.targets import (
    MOST_COPIES,
    PolicyTargetFunction,
    Target,
    cached_by_policy,
    make_target_function,
    target_labels,
)
from rltools.targets.draws import BLOCKS

MOST_BYTES = 1 << 26
"""The most bytes of inputs that go through the network together, for large observations."""
MOST_OUTPUT_BYTES = 1 << 22
"""The most bytes of a head's outputs computed together, for very many actions; each step to a target is as large."""
MOST_VALUE_BYTES = 1 << 24
"""The most bytes of attributions that a method returns together, for very many targets."""
MOST_COPIES_ON_GPU = 1 << 22
"""Rows that go through the network of a GPU together: fewer leave it waiting for the next batch."""
MOST_BYTES_ON_GPU = 1 << 30
"""The most bytes of inputs that go through it together; the main memory holds them too."""
MOST_PASSES = 10**9
"""The most passes through the network for one row: a quarter of an hour with the smallest network."""
FEW = 16
"""Rows, copies included, whose chunks and threads would take longer to choose than to explain."""
# glibc gives the memory of each pass back to the system, which zeroes every page of it again for the next pass: a fifth
# of the time of integrated gradients. Once a large block was freed, it keeps what is smaller; this one is never used.
torch.empty(1 << 24, dtype=torch.uint8)
LOOKING_INSIDE = frozenset({"network", "convolution"})
"""Needs of methods that hook the network and evaluate it a few times only, so that their progress is not counted."""


@dataclass(frozen=True)
class ExplainedRows:
    """Attributions of some rows as arrays: see `Result` and `rltools.recording.Attribution`.

    Attributes:
        columns: one row each.
        failed: rows that are NaN because the method failed.
        without: `[row, block, target, *feature]`, the values without each block of draws; None if nothing was drawn, or
            if they are not wanted.
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
) -> ExplainedRows:
    """Compute attributions of rows `x [row, *feature]`, in chunks.

    If the context has the forward pass that made the decision at these rows, gradients reuse it.

    Args:
        policy: the explained policy.
        method: the attribution method.
        target: the explained scalars.
        x: encoded observations.
        context: the context of the rows.
        references: `[reference, *feature]`, if the method needs them.
        parameters: the parameters of the method.
        max_batch: see `explain`.
        threads: see `explain`.
        advance: called with how many rows were completed since the last call, also with parts of one.
        leave_one_out: whether `Explained.without`, which only recordings keep, is computed.

    Returns:
        The attributions; NaN, and counted as failed, if the method failed; NaN, but not counted, if a target value does
        not exist.
    """
    count = 0 if references is None else len(references)
    settings = method.settings(parameters)
    cost = check_passes(policy, method, count, settings)
    columns: dict[str, np.ndarray] = {}
    undefined: np.ndarray | None = None
    most, n_rows = most_copies(policy, max_batch, on_gpu=not x.is_cpu), x.shape[0]
    with compute_threads(policy, min(most, n_rows * max(1, cost.copies)), threads):
        for rows, some, f, result in _chunks(
            policy, method, target, x, context, references, settings, cost, most, advance, leave_one_out
        ):
            of_chunk = _tensors(f.own_values(some), result)
            if some is x:
                columns = _arrays(of_chunk)
            else:
                for name, part in of_chunk.items():
                    if name not in columns:
                        columns[name] = torch.empty(n_rows, *part.shape[1:], dtype=part.dtype).numpy()
                    torch.from_numpy(columns[name][rows]).copy_(part.detach())  # from a GPU too, without another copy
            if (missing := f.undefined) is not None:
                undefined = np.zeros((n_rows, f.outputs), bool) if undefined is None else undefined
                undefined[rows] = missing.numpy(force=True)
    without = columns.pop("without", None)
    return ExplainedRows(columns, _replace_by_nan(columns["values"], undefined), without)


def explained_now(
    f: PolicyTargetFunction, method: Method, x: Tensor, references: Tensor | None, settings: dict[str, Any]
) -> ExplainedRows:
    """`explained_rows` of a few rows, `FEW` with their copies, with as little overhead as a live step allows.

    Rows like these have been explained by `explained_rows` before, which checks what the method does.
    """
    columns = _arrays(_tensors(f.own_values(x), method.unchecked(f, x, references, settings)))
    undefined = f.undefined
    missing = None if undefined is None else undefined.numpy(force=True)
    return ExplainedRows(columns, _replace_by_nan(columns["values"], missing))


def _replace_by_nan(values: np.ndarray, undefined: np.ndarray | None) -> int:
    """Make the values of a row and target NaN if one of them is not finite, or the target value does not exist.

    Returns:
        How many rows have values that are not finite though the target value exists.
    """
    if undefined is None and isfinite(values.sum()):  # so are all its terms
        return 0
    finite = np.isfinite(values).all(tuple(range(2, values.ndim)))
    undefined = np.zeros(finite.shape, bool) if undefined is None else undefined
    values[~finite | undefined] = np.nan
    return int((~finite & ~undefined).any(1).sum())


def _chunks(
    policy: Policy,
    method: Method,
    target: Target,
    x: Tensor,
    context: Context,
    references: Tensor | None,
    settings: dict[str, Any],
    cost: Cost,
    most: int,
    advance: Callable[[float], None] | None,
    leave_one_out: bool,
) -> Iterator[tuple[slice, Tensor, PolicyTargetFunction, Result]]:
    """The rows of each chunk, as a slice and themselves, with their target function and their attributions."""
    n_rows = x.shape[0]
    targets = len(cached_by_policy("labels", target, policy, lambda: target_labels(target, policy)))
    n_references = 0 if references is None else len(references)
    size = _chunk_rows(policy, targets, n_references, cost, most, on_gpu=not x.is_cpu)

    def explain(rows: slice, halvings: int) -> tuple[Tensor, PolicyTargetFunction, Result]:
        is_all = rows.stop - rows.start == n_rows
        some = x if is_all else x[rows]
        progress = None if advance is None else _Progress(some.shape[0], advance)
        f = make_target_function(
            policy,
            target,
            context if is_all else context.rows(rows),
            most_copies=max(1, most >> halvings),
            leave_one_out=leave_one_out,
            advance=_counting(method, cost, progress),
        )
        try:
            result = method.with_settings(f, some, references, settings)
        except torch.cuda.OutOfMemoryError:
            if progress is not None:
                progress.give_up()
            raise
        if progress is not None:
            progress.finish()
        return some, f, result

    for rows, (some, f, result) in halving(n_rows, size, explain):
        yield rows, some, f, result


class _Progress:
    """Counts the rows that a method has not finished yet."""

    def __init__(self, rows: int, advance: Callable[[float], None]) -> None:
        self.rows, self._left, self._advance = rows, float(rows), advance

    def done(self, rows: float) -> None:
        """Count this many more rows as done."""
        rows = min(rows, self._left)
        self._left -= rows
        self._advance(rows)

    def finish(self) -> None:
        """Count all rows as done."""
        self.done(self._left)

    def give_up(self) -> None:
        """Count the rows done so far as still to be done."""
        self._advance(self._left - self.rows)


def _counting(method: Method, cost: Cost, progress: _Progress | None) -> Callable[[int], None] | None:
    """A function from passes through the network to progress, by the passes that the method declares per row."""
    if progress is None or method.needs & LOOKING_INSIDE or cost.passes == 0:
        return None
    return lambda passes: progress.done(passes / cost.passes)


def most_copies(policy: Policy, max_batch: int | None, *, on_gpu: bool) -> int:
    """How many rows, copies included, go through the network together; `max_batch`, or as many as fit into memory."""
    if max_batch:
        return max_batch
    inputs = max(1, policy.features.size) * policy.dtype.itemsize
    if on_gpu:
        return max(1, min(MOST_COPIES_ON_GPU, MOST_BYTES_ON_GPU // inputs, fitting_rows(policy)))
    outputs = max(1, len(policy.action_names)) * policy.dtype.itemsize
    return max(1, min(MOST_COPIES, MOST_BYTES // inputs, MOST_OUTPUT_BYTES // outputs))


def check_passes(policy: Policy, method: Method, references: int, settings: Mapping[str, Any]) -> Cost:
    """The cost of a row, with all parameters of the method; refuses what no computer can finish.

    Raises:
        TooCostlyError: a single row takes more than `MOST_PASSES` through the network.
    """
    features = policy.features
    cost = method.cost_of_row(features.shape, features.dims, references, settings)
    if cost.passes > MOST_PASSES:
        if method.largest is not None and method.count_parts(features.shape, features.dims, settings) > method.largest:
            return cost  # the method declares how many parts it takes
        raise TooCostlyError(
            f"{method.name} would take {cost.passes:.3g} passes through the network for a single step, and at most "
            f"{MOST_PASSES:.0e} are made; give smaller numbers, fewer references, or groups of features"
        )
    return cost


def _cost(policy: Policy, method: Method, references: int, parameters: Mapping[str, Any]) -> Cost:
    features = policy.features
    return method.cost_of_row(features.shape, features.dims, references, method.settings(dict(parameters)))


def pass_rows(
    policy: Policy, method: Method, rows: int, references: int, parameters: dict[str, Any], max_batch: int | None
) -> int:
    """How many rows go through the network together while a method explains so many, copies included."""
    copies = _cost(policy, method, references, parameters).copies
    return min(most_copies(policy, max_batch, on_gpu=policy.device.type != "cpu"), rows * max(1, copies))


def chunk_rows(
    method: Method, policy: Policy, targets: int, references: int, parameters: dict[str, Any], max_batch: int | None
) -> int:
    """How many rows a method is given together, with all the copies it makes of them and its values for each target."""
    on_gpu = policy.device.type != "cpu"
    most, cost = most_copies(policy, max_batch, on_gpu=on_gpu), _cost(policy, method, references, parameters)
    return _chunk_rows(policy, targets, references, cost, most, on_gpu=on_gpu)


def _chunk_rows(policy: Policy, targets: int, references: int, cost: Cost, most: int, *, on_gpu: bool) -> int:
    # For each target there are values, with and without each block of references, and before these gradients with
    # respect to the outputs.
    values = policy.features.size * (1 + min(references, BLOCKS))
    most_bytes = MOST_BYTES_ON_GPU if on_gpu else MOST_VALUE_BYTES
    row_bytes = max(1, targets * max(values, len(policy.action_names))) * policy.dtype.itemsize
    return max(1, min(most // max(1, cost.copies), most_bytes // row_bytes if targets > 1 else most))


def _tensors(target_values: Tensor, result: Result) -> dict[str, Tensor]:
    tensors = {
        "values": result.values,
        "scores": target_values,
        "residual": result.residual,
        "standard_error": result.standard_error,
        "complete": result.complete,
        "without": None if result.without is None else result.without.transpose(0, 1),
    }
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
