"""Reads recorded steps in batches: a part of a long episode, or several short episodes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rltools.errors import CorruptError, MismatchError
from rltools.explanation.views import Window, observed_features
from rltools.policies.base import Context, Policy
from rltools.policies.decide import positions
from rltools.recording import Recording, nested_observations, observation_column, recorded_leaves
from rltools.recording.attribution import first_sampled
from rltools.recording.episode import outcome_in
from rltools.recording.parquet import CONTENT, column_names, opened_blocks, read_columns


@dataclass(frozen=True)
class StepBlock:
    """Steps of one episode to explain.

    Attributes:
        number: the number of the episode.
        t: int32 `[row]`, the steps of the episode.
        columns: their observations, actions and scores, `[row, ...]`, and other inputs of the policy. With a window the
            observations are `[row, lag, ...]`, the recurrent state is the one before the window, and `before` is the
            number of lags before the episode's first step.
        read: how many steps were read, explained or not; of damage, how many could not be.
        last: whether the episode ends with this block.
        rows: the checksum of the episode's rows, by which files made from them identify it.
        damage: why no more of the episode can be read; None if it is intact.
    """

    number: int
    t: np.ndarray
    columns: dict[str, np.ndarray]
    read: int
    last: bool
    rows: str = ""
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
    """Blocks of some episodes, in order, in batches of `rows` rows or slightly more.

    A method's call costs the same for a hundred rows as for one, and a short episode has few more than that. No batch
    is of two of the `groups`, so that batches are the same whoever explains which group.

    Args:
        recording: the recording.
        numbers: the numbers of the episodes.
        names: the names of the needed columns.
        every: the stride, evenly over all episodes.
        rows: the number of rows after which a batch is full.
        most: the most rows per block of an episode.
        lags: the length of a window; 0 for single observations.
    """
    batch: list[StepBlock] = []
    read = 0
    for number in numbers:
        for block in _blocks(recording, number, names, every, most, lags):
            batch.append(block)
            read += block.read
            if sum(len(part.t) for part in batch) >= rows:
                yield batch
                batch = []
        if read >= rows * every:
            if batch:
                yield batch
            batch, read = [], 0
    if batch:
        yield batch


def groups(steps: Mapping[int, int], every: int, rows: int) -> list[list[int]]:
    """The numbers of episodes that are explained together: as many as fill a batch.

    Args:
        steps: of each episode, by its number, in order.
        every: the stride.
        rows: the number of rows after which a batch is full.
    """
    together: list[list[int]] = []
    read = rows * every
    for number, count in steps.items():
        if read >= rows * every:
            together.append([])
            read = 0
        together[-1].append(number)
        read += count
    return together


def _blocks(
    recording: Recording, number: int, names: Sequence[str], every: int, most: int, lags: int
) -> Iterator[StepBlock]:
    path = recording.episode_path(number)
    start, previous, declared, yielded = 0, None, 0, 0
    past: dict[str, np.ndarray] = {}
    try:
        with opened_blocks(path, names, most) as (metadata, blocks):
            declared = outcome_in(path, metadata, recording.seal).steps  # raises if the file is of another episode
            rows = metadata.get(CONTENT, "")
            for block in blocks:
                if previous is not None:
                    yield previous
                    yielded += previous.read
                read = len(block["score"])
                chosen = np.arange((first_sampled(number, every) - start) % every, read, every)
                if lags:
                    past, columns = _windows(past, block, chosen, start, lags)
                else:
                    columns = block if every == 1 else {name: values[chosen] for name, values in block.items()}
                previous = StepBlock(number, (start + chosen).astype(np.int32), columns, read, last=False, rows=rows)
                start += read
        if previous is None:
            columns = read_columns(path, names)
            if lags:
                columns = _windows({}, columns, np.arange(0), 0, lags)[1]
            previous = StepBlock(number, np.zeros(0, np.int32), columns, 0, last=False, rows=rows)
    except CorruptError as damage:
        yield StepBlock(number, np.zeros(0, np.int32), {}, declared - yielded, last=True, damage=damage)
        return
    yield replace(previous, last=True)


def _windows(
    past: dict[str, np.ndarray], block: dict[str, np.ndarray], chosen: np.ndarray, start: int, lags: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The last rows of a block, which the next block's windows include, and the windows of its chosen rows."""
    rows, carried, columns = len(block["score"]), {}, {}
    for name, values in block.items():
        if not name.startswith("observation") and name != "state":
            columns[name] = values[chosen]
            continue
        # Padding before the episode's first observation, which the network is not shown.
        behind = past[name] if past else values[:1].repeat(lags - 1, axis=0)
        padded = np.concatenate([behind, values])
        carried[name] = padded[rows:]
        windows = chosen[:, None] + np.arange(lags)
        columns[name] = padded[chosen] if name == "state" else padded[windows]
    columns["before"] = np.maximum(0, lags - 1 - (start + chosen)).astype(np.int64)
    return carried, columns


def needed_columns(recording: Recording, policy: Policy) -> tuple[str, ...]:
    """The columns of an episode's file that explaining needs.

    Raises:
        MismatchError: the observations have other leaves, or recurrent states or action masks were not recorded.
    """
    needed = [observation_column(leaf) for leaf in recorded_leaves(observed_features(policy))]
    needed += ["action", "score"]
    needed += ["mask"] if policy.masked else []
    needed += ["state"] if policy.state_size else []
    numbers = recording.numbers
    recorded = column_names(recording.episode_path(numbers[0])) if numbers else tuple(needed)
    missing = [name for name in needed if name not in recorded]
    if missing:
        raise MismatchError(
            f"{policy.source.name} needs {', '.join(missing)} of each step, and {recording.directory} has "
            f"{', '.join(recorded)}; it was recorded with another policy"
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
    """The encoded observations `[row, *feature]` of recorded rows; for windows `[row, lag, *feature]`."""
    features = observed_features(policy)
    if not isinstance(policy, Window):
        return policy.encode(nested_observations(columns, features))
    inner, rows = policy.policy, len(columns["score"])
    leaves = recorded_leaves(features)
    flat = {
        name: columns[name].reshape(rows * policy.lags, *columns[name].shape[2:])
        for name in map(observation_column, leaves)
    }
    x = inner.encode(nested_observations(flat, features))
    return x.reshape(rows, policy.lags, *x.shape[1:])


def check_one(recording: Recording, policy: Policy) -> None:
    """Compare scores of one step if nothing is left to explain, because the attributions may be of another policy.

    Raises:
        MismatchError: they differ.
    """
    window = policy.lags if isinstance(policy, Window) else 0
    names = needed_columns(recording, policy)
    for block, *_ in batches(recording, recording.numbers[:1], names, 1, 1, 16, window):
        if block.damage is None and len(block.t):
            check_same_policy(policy, block.columns, recording)
        break


def check_same_policy(policy: Policy, block: dict[str, np.ndarray], recording: Recording) -> None:
    """Compare scores, not hashes: a model in memory and the file that it was saved to are the same policy.

    Args:
        policy: the policy to explain.
        block: columns `[step, ...]` of the recording, as `needed_columns` names them.
        recording: the recording of these columns.

    Raises:
        MismatchError: they differ.
    """
    first = {name: values[:16] for name, values in block.items()}
    with torch.no_grad():
        x, context = recorded_inputs(policy, first), recorded_context(policy, first)
        scores = policy.head(policy.heads[0], x, context).cpu().numpy()
    recorded = first["score"]
    if scores.shape != recorded.shape or not np.allclose(scores, recorded, rtol=1e-3, atol=1e-4):
        difference = (
            f"shape {scores.shape[1:]} instead of {recorded.shape[1:]}"
            if scores.shape != recorded.shape
            else f"differences up to {np.abs(scores - recorded).max():.3g}"
        )
        raise MismatchError(
            f"{policy.source.name} is not the policy that was recorded ({recording.header.policy}): its scores of the "
            f"recorded observations differ ({difference}); load the one with sha256 "
            f"{recording.header.policy_sha256[:12]}..., with the same normalization statistics"
        )
