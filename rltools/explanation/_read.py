"""Recorded steps, read in pieces: a part of a long episode, or several short episodes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rltools.errors import CorruptError, MismatchError
from rltools.explanation.views import Window
from rltools.policies.base import Context, Policy, positions
from rltools.recording import Recording, nested_observations, observation_column, recorded_leaves
from rltools.recording.attribution import first_sampled
from rltools.recording.parquet import column_names, read_blocks, read_columns


@dataclass(frozen=True)
class StepBlock:
    """Steps of one episode that are to be explained.

    Attributes:
        number: of the episode.
        t: int32 `[row]`, which steps of it.
        columns: their observations, actions and scores, `[row, ...]`, and what else the policy needs. With a window the
            observations are `[row, lag, ...]`, what was remembered is that before the window, and `before` says how
            many of it would lie before the episode's first.
        read: how many steps were read, explained or not.
        last: whether the episode ends with it.
        damage: why no more of the episode can be read; None where all is well.
    """

    number: int
    t: np.ndarray
    columns: dict[str, np.ndarray]
    read: int
    last: bool
    damage: CorruptError | None = None


def batches(
    recording: Recording,
    numbers: Sequence[int],
    names: Sequence[str],
    every: int,
    rows: int,
    most: int,
    lags: int = 0,
) -> Iterator[list[StepBlock]]:
    """Pieces of the episodes of these numbers, in order, `rows` rows or somewhat more together.

    A method's call costs the same for a hundred rows as for one, and a short episode has not many more than that.

    Args:
        recording: whose episodes.
        numbers: of the episodes.
        names: of the columns that are needed.
        every: one step of so many, evenly over all episodes.
        rows: after which a batch is full.
        most: rows of an episode that are read at once.
        lags: the length of a window; 0 for single observations.
    """
    batch: list[StepBlock] = []
    for number in numbers:
        for piece in _pieces(recording, number, names, every, most, lags):
            batch.append(piece)
            if sum(len(part.t) for part in batch) >= rows:
                yield batch
                batch = []
    if batch:
        yield batch


def _pieces(
    recording: Recording, number: int, names: Sequence[str], every: int, most: int, lags: int
) -> Iterator[StepBlock]:
    path = recording.episode_path(number)
    start, before = 0, None
    past: dict[str, np.ndarray] = {}
    try:
        recording.outcome(number)  # or it is another episode in this one's place
        for block in read_blocks(path, names, most):
            if before is not None:
                yield before
            read = len(block["score"])
            chosen = np.arange((first_sampled(number, every) - start) % every, read, every)
            if lags:
                past, kept = _windows(past, block, chosen, start, lags)
            else:
                kept = block if every == 1 else {name: values[chosen] for name, values in block.items()}
            before = StepBlock(number, (start + chosen).astype(np.int32), kept, read, last=False)
            start += read
        if before is None:
            kept = read_columns(path, names)
            if lags:
                kept = _windows({}, kept, np.arange(0), 0, lags)[1]
            before = StepBlock(number, np.zeros(0, np.int32), kept, 0, last=False)
    except CorruptError as damage:
        yield StepBlock(number, np.zeros(0, np.int32), {}, 0, last=True, damage=damage)
        return
    yield StepBlock(before.number, before.t, before.columns, before.read, last=True)


def _windows(
    past: dict[str, np.ndarray], block: dict[str, np.ndarray], chosen: np.ndarray, start: int, lags: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The last rows of a block, which the next one's windows reach back to, and the windows of its chosen rows."""
    rows, going_on, kept = len(block["score"]), {}, {}
    for name, values in block.items():
        if not name.startswith("observation") and name != "state":
            kept[name] = values[chosen]
            continue
        # Before the episode's first observation there is none: a copy of it stands there, which nothing looks at.
        behind = past[name] if past else values[:1].repeat(lags - 1, axis=0)
        reached = np.concatenate([behind, values])
        going_on[name] = reached[rows:]
        windows = chosen[:, None] + np.arange(lags)
        kept[name] = reached[chosen] if name == "state" else reached[windows]
    kept["before"] = np.maximum(0, lags - 1 - (start + chosen)).astype(np.int64)
    return going_on, kept


def needed_columns(recording: Recording, policy: Policy) -> tuple[str, ...]:
    """The columns of an episode's file that explaining needs.

    Raises:
        MismatchError: the observations were recorded otherwise, or what the policy remembers or may do was not.
    """
    features = policy.policy.features if isinstance(policy, Window) else policy.features
    needed = [observation_column(leaf) for leaf in recorded_leaves(features)]
    needed += ["action", "score"]
    needed += ["mask"] if policy.masked else []
    needed += ["state"] if policy.state_size else []
    numbers = recording.numbers
    there = column_names(recording.episode_path(numbers[0])) if numbers else tuple(needed)
    missing = [name for name in needed if name not in there]
    if missing:
        raise MismatchError(
            f"{policy.source.name} needs {', '.join(missing)} of each step, and {recording.directory} has "
            f"{', '.join(there)}; it was recorded with another policy"
        )
    return tuple(needed)


def recorded_context(policy: Policy, columns: Mapping[str, np.ndarray]) -> Context:
    """The context of recorded rows."""

    def numbers(name: str) -> torch.Tensor:
        return torch.tensor(columns[name], dtype=policy.dtype, device=policy.device)

    return Context(
        action=positions(policy, columns["action"]),
        scores=numbers("score"),
        mask=torch.tensor(columns["mask"], device=policy.device) if policy.masked else None,
        state=numbers("state") if policy.state_size else None,
        before=torch.tensor(columns["before"], device=policy.device) if "before" in columns else None,
    )


def recorded_inputs(policy: Policy, columns: Mapping[str, np.ndarray]) -> torch.Tensor:
    """Encoded observations `[row, *feature]` of recorded rows; of windows, `[row, lag, *feature]`."""
    if not isinstance(policy, Window):
        return policy.encode(nested_observations(columns, policy.features))
    inner, rows = policy.policy, len(columns["score"])
    leaves = recorded_leaves(inner.features)
    flat = {
        name: columns[name].reshape(rows * policy.lags, *columns[name].shape[2:])
        for name in map(observation_column, leaves)
    }
    x = inner.encode(nested_observations(flat, inner.features))
    return x.reshape(rows, policy.lags, *x.shape[1:])


def check_one(recording: Recording, policy: Policy) -> None:
    """Compare scores where nothing is left to explain: what is there may be another policy's.

    Raises:
        MismatchError: they differ.
    """
    window = policy.lags if isinstance(policy, Window) else 0
    names = needed_columns(recording, policy)
    for piece, *_ in batches(recording, recording.numbers[:1], names, 1, 1, 16, window):
        if piece.damage is None and len(piece.t):
            check_same_policy(policy, piece.columns, recording)
        break


def check_same_policy(policy: Policy, block: dict[str, np.ndarray], recording: Recording) -> None:
    """Compare scores, not fingerprints: a model in memory and the file it was saved to are the same policy.

    Args:
        policy: that is to be explained.
        block: columns `[step, ...]` of the recording, as `needed_columns` names them.
        recording: that they are of.

    Raises:
        MismatchError: they differ.
    """
    first = {name: values[:16] for name, values in block.items()}
    with torch.no_grad():
        x, context = recorded_inputs(policy, first), recorded_context(policy, first)
        scores = policy.head(policy.heads[0], x, context).cpu().numpy()
    recorded = first["score"]
    if scores.shape != recorded.shape or not np.allclose(scores, recorded, rtol=1e-3, atol=1e-4):
        said = (
            f"shape {scores.shape[1:]} instead of {recorded.shape[1:]}"
            if scores.shape != recorded.shape
            else f"differences up to {np.abs(scores - recorded).max():.3g}"
        )
        raise MismatchError(
            f"{policy.source.name} is not the policy that was recorded ({recording.header.policy}): its scores of the "
            f"recorded observations differ ({said}); load the one with sha256 "
            f"{recording.header.policy_sha256[:12]}..., with the same normalization statistics"
        )
