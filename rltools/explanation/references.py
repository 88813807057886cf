"""Chooses references: the observations that features are compared with."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError, CorruptError
from rltools.explanation.views import observed_features
from rltools.policies.base import Policy
from rltools.recording import DamagedFileWarning, Recording, nested_observations, observation_column, recorded_leaves
from rltools.recording.draws import ORIGIN
from rltools.recording.parquet import read_blocks, read_columns
from rltools.recording.read_attribution import references_path
from rltools.recording.seal import RECORDING
from rltools.recording.writers import BlockFile
from rltools.spaces.leaves import map_leaves, pick

VISITED = 32
"""The default number of visited states.

With 8, another draw turned a leading share of 34 % into 44 %, and changed signs.
Exact Shapley values of 8 features cost 2 s with 1 reference, 8 s with 8 and 63 s with 64, for 6,000 states.
"""
References = int | np.ndarray | Tensor | Mapping[str, Any] | tuple[Any, ...] | None


def references_id(references: References, seed: int) -> str:
    """The identifier of a choice of references, before they are drawn."""
    if references is None or isinstance(references, int):
        return f"{VISITED if references is None else references} visited states, seed {seed}"
    digest = hashlib.sha256()
    for array in _arrays(references):
        digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    return digest.hexdigest()


def _arrays(references: Any) -> Iterator[np.ndarray]:
    """The arrays of the leaves, in order."""
    parts = (
        references.values() if isinstance(references, Mapping) else references if isinstance(references, tuple) else ()
    )
    if not isinstance(references, Mapping | tuple):
        yield np.ascontiguousarray(as_array(references))
    for part in parts:
        yield from _arrays(part)


def as_array(states: Any) -> np.ndarray:
    """Observations as an array, also from a tensor on another device or with a gradient."""
    return states.detach().cpu().numpy() if isinstance(states, Tensor) else np.asarray(states)


def as_batch(policy: Policy, observations: Any) -> Any:
    """Observations as arrays `[row, ...]`, also from a single one; for a Dict or Tuple each of its leaves.

    Raises:
        MismatchError: a leaf is missing.
    """
    features = observed_features(policy)
    if not features.leaves:
        array = as_array(observations)
        return array[None] if array.ndim == len(features.shape) else array
    leaves = recorded_leaves(features)
    arrays = map_leaves(lambda _, values: as_array(values), observations, leaves)
    single = pick(arrays, leaves[0]).ndim == len(leaves[0].shape)
    return map_leaves(lambda _, values: values[None], arrays, leaves) if single else arrays


def encode_references(policy: Policy, references: Any) -> Tensor:
    """Encoded references, from `[reference, *observation]` or a single one.

    Raises:
        MismatchError: they do not have the shape of the policy's observations.
        ArgumentError: there are none, they are a count, or a value in them is not finite.
    """
    if np.ndim(references) == 0 and isinstance(references, int | np.integer):
        raise ArgumentError(
            f"references is {references}; only a recording has visited states to draw from: pass states "
            f"[reference, *observation]"
        )
    encoded = policy.encode(as_batch(policy, references))
    if len(encoded) == 0:
        raise ArgumentError("references are empty; pass at least one state [reference, *observation]")
    _check_finite(policy, encoded)
    return encoded


def _check_finite(policy: Policy, references: Tensor) -> None:
    finite = torch.isfinite(references)
    if finite.all():
        return
    row, *position = (~finite).nonzero()[0].tolist()
    index = int(np.ravel_multi_index(position, policy.features.shape)) if position else 0
    raise ArgumentError(
        f"reference {row} of {len(references)} is {references[(row, *position)].item()} at {position} "
        f"({policy.features.names[index]!r}); references must be finite numbers: leave such states out"
    )


def visited_references(recording: Recording, policy: Policy, references: References, seed: int, folder: Path) -> Tensor:
    """The references of one attribution: from its folder, else the ones that were passed, else visited states.

    They are written once; an existing file is never replaced, so that resuming never mixes references.

    Raises:
        ArgumentError: there are no visited states.
    """
    path = references_path(folder)
    if path.is_file():
        rows = read_columns(path)["reference"]
        return torch.tensor(rows, dtype=policy.dtype, device=policy.device)  # as_tensor would share read-only memory
    if references is None or isinstance(references, int):
        visited, episodes = draw_visited_of(recording, VISITED if references is None else references, seed)
        states = policy.encode(visited)
    else:
        states, episodes = encode_references(policy, references), None
    columns = {"reference": states.cpu().numpy()}
    if episodes is not None:
        columns[ORIGIN] = episodes
    file = BlockFile(path)
    file.write(columns)
    file.finish({RECORDING: recording.seal})
    return states


def draw_visited(recording: Recording, count: int, seed: int) -> Any:
    """Observations `[count, ...]` drawn uniformly from all recorded steps, without replacement; at most all of them.

    A damaged episode is named in a warning and left out.
    """
    return draw_visited_of(recording, count, seed)[0]


def draw_visited_of(recording: Recording, count: int, seed: int) -> tuple[Any, np.ndarray]:
    """The same, with the number of the episode in which each was visited, int64 `[count]`."""
    if count < 1:
        raise ArgumentError(f"references is {count}; it must be at least 1")
    outcomes = recording.outcomes()
    while True:
        ends = np.cumsum([outcome.steps for outcome in outcomes])
        total = int(ends[-1]) if len(ends) else 0
        if total == 0:
            raise ArgumentError(
                f"{recording.directory} has no steps to draw reference states from; record episodes first"
            )
        steps = np.sort(np.random.default_rng(seed).choice(total, min(count, total), replace=False))
        names = [observation_column(leaf) for leaf in recorded_leaves(recording.features)]
        states: list[dict[str, np.ndarray]] = []
        numbers: list[int] = []
        for outcome, end in zip(outcomes, ends, strict=True):
            own_steps = steps[(steps >= end - outcome.steps) & (steps < end)] - (end - outcome.steps)
            try:
                states += _states(recording.episode_path(outcome.number), names, own_steps)
                numbers += [outcome.number] * len(own_steps)
            except CorruptError as error:
                warnings.warn(str(error), DamagedFileWarning, stacklevel=4)
                break
        else:
            columns = {name: np.stack([np.asarray(state[name]) for state in states]) for name in states[0]}
            return nested_observations(columns, recording.features), np.array(numbers, dtype=np.int64)
        # The metadata is intact and the steps are not: draw again, from the other episodes.
        outcomes = [other for other in outcomes if other.number != outcome.number]


def _states(path: Path, names: list[str], steps: np.ndarray) -> list[dict[str, np.ndarray]]:
    """The observations at some steps of an episode, in order, by column."""
    states: list[dict[str, np.ndarray]] = []
    if len(steps) == 0:
        return states
    start = 0
    for block in read_blocks(path, names, 4096):
        rows = len(block[names[0]])
        indices = steps[(steps >= start) & (steps < start + rows)] - start
        states += [
            {name: np.array(values[row], dtype=values.dtype) for name, values in block.items()}
            for row in indices.tolist()
        ]
        start += rows
    if len(states) < len(steps):
        raise CorruptError(f"{path} has fewer steps than it declares; delete it and record again")
    return states
