"""Reads the steps of many episodes together: opening a short file takes longer than reading its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.files import numbered_path
from rltools._util.short_repr import short_repr
from rltools.errors import CorruptError
from rltools.recording._folder import RecordingFolder
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.recording.episode import (
    Episode,
    Outcome,
    nested_observations,
    observation_column,
    outcome_in,
    recorded_leaves,
)
from rltools.recording.parquet import (
    CONTENT,
    Part,
    alike,
    damage_as_corrupt,
    joined,
    read_columns,
    read_part,
    row_count,
)
from rltools.recording.read_attribution import (
    Columns,
    check_belongs,
    folder_identity,
    gap,
    join_rows,
    misplaced,
    not_explained,
    references_path,
    rows_or_warning,
)
from rltools.recording.seal import EPISODE_ROWS, NUMBER, RECORDING, warn_of_damage
from rltools.spaces import Features
from rltools.spaces.factors import decode

BATCH_NUMBERS = 1 << 20
"""How many numbers of observations and attributions, roughly, are in a batch of short episodes; a long one is alone."""
_EXPLAINED = ("t", "values", "scores", "residual", "complete", "clipped")


@dataclass(frozen=True)
class Batch:
    """The explained steps of some whole episodes, one after another.

    Attributes:
        outcomes: how the episodes went.
        identities: of each episode, the metadata that identifies it in files made from it; see `check_identity`.
        starts: int64 `[episode + 1]`, the first step of each episode, and at the end the number of steps.
        actions: `[step, *action]`, as the environment took them.
        masks: bool `[step, k]`, which actions were allowed; None for policies without action masks.
        states: `[step, *feature]`, the encoded observations that the attribution explains; None unless requested.
        attribution: the attributions of the steps, without references and standard errors.
    """

    outcomes: tuple[Outcome, ...]
    identities: tuple[dict[str, str], ...]
    starts: np.ndarray
    actions: np.ndarray
    masks: np.ndarray | None
    states: np.ndarray | None
    attribution: Attribution

    __repr__ = short_repr

    def __len__(self) -> int:
        """How many steps there are."""
        return int(self.starts[-1])

    @property
    def owners(self) -> np.ndarray:
        """Int64 `[step]`: the position among `outcomes` of the episode of each step."""
        return np.repeat(np.arange(len(self.outcomes)), np.diff(self.starts))


@dataclass(frozen=True)
class _EpisodePart:
    """Some columns of one episode, and of its attributions; None if these were not read, or are damaged."""

    outcome: Outcome
    identity: dict[str, str]
    columns: Part
    explained: Part | None = None


def explained_batches(recording: RecordingFolder, key: str, *, states: bool = True) -> Iterator[Batch]:
    """Every episode with its attributions, in batches of short episodes, and long ones one by one.

    Each file is read once. A damaged episode is left out with a warning; the attributions of a damaged file of
    attributions are NaN, with a warning.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        states: whether observations are read too.

    Raises:
        UnknownNameError: there is no such attribution.
        RecordingError: an episode is not explained yet.

    Example:
        >>> import rltools
        >>> from rltools.recording.batches import explained_batches
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=3, max_steps=40), policy, method="gradient")
        >>> for batch in explained_batches(recording, recording.find("gradient")):
        ...     print(batch.starts, batch.states.shape, batch.attribution.values.shape)
        [  0  40  80 120] (120, 4) (120, 1, 4)
    """
    spec, features = recording.spec(key), recording.features_of(key)
    try:
        identity, _ = _identity_and_references(recording, key)
    except CorruptError as error:
        warn_of_damage(error, stacklevel=4)
        return
    observed = _observation_columns(recording.features) if states else ()
    size = features.size * (len(spec.labels) + len(observed))
    for parts in _grouped(_explained_parts(recording, key, identity, [*observed, "action", "mask"]), size):
        starts = _starts(parts)
        columns = joined([part.columns for part in parts])
        explained = _explained_columns(recording, key, parts, identity, starts)
        yield Batch(
            outcomes=tuple(part.outcome for part in parts),
            identities=tuple(part.identity for part in parts),
            starts=starts,
            actions=columns["action"],
            masks=columns.get("mask"),
            states=_encoded(columns, recording.features, spec, starts) if states else None,
            attribution=Attribution(
                values=explained["values"],
                scores=explained["scores"],
                spec=spec,
                features=features,
                residual=explained.get("residual"),
                complete=explained.get("complete"),
                clipped=explained.get("clipped"),
            ),
        )


def explained_episodes(recording: RecordingFolder, key: str) -> Iterator[tuple[Episode, Attribution]]:
    """Each episode with its attributions, one in memory at a time; damaged ones as in `explained_batches`.

    Raises:
        UnknownNameError: there is no such attribution.
        RecordingError: an episode is not explained yet.
    """
    spec, features = recording.spec(key), recording.features_of(key)
    folder = recording.directory / "attributions" / key
    try:
        identity, references = _identity_and_references(recording, key)
    except CorruptError as error:
        warn_of_damage(error, stacklevel=5)
        return
    for number in recording.numbers:
        path = numbered_path(folder, number)
        try:
            episode, of_episode = recording.episode(number), recording.identity(number)
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            continue
        if not path.is_file():
            raise not_explained(recording, key, number)
        rows = rows_or_warning(path, len(episode), of_episode | identity)
        columns = join_rows([(len(episode), rows)], len(spec.labels), features.shape)
        yield episode, Attribution(spec=spec, features=features, references=references, **columns)


def state_batches(recording: RecordingFolder, key: str | None = None) -> Iterator[np.ndarray]:
    """All encoded observations, in batches `[step, *feature]`; those that an attribution explains, or single ones.

    Nothing but observations is read. A damaged episode is left out with a warning.
    """
    spec = None if key is None else recording.spec(key)
    names = _observation_columns(recording.features)
    for parts in _grouped(_episode_parts(recording, names), recording.features.size):
        columns = joined([part.columns for part in parts])
        yield _encoded(columns, recording.features, spec, _starts(parts))


def windows_of(states: np.ndarray, window: int, starts: np.ndarray) -> np.ndarray:
    """Windows `[step, lag, *feature]` of encoded observations, padded with the first one of each episode."""
    first = np.repeat(starts[:-1], np.diff(starts))
    reach = np.arange(len(states))[:, None] + np.arange(1 - window, 1)
    windows: np.ndarray = states[np.maximum(reach, first[:, None])]
    return windows


def _identity_and_references(recording: RecordingFolder, key: str) -> tuple[dict[str, str], np.ndarray | None]:
    """The identity of the files of an attribution, and its references."""
    path = references_path(recording.directory / "attributions" / key)
    return folder_identity(recording, key), read_columns(path)["reference"] if path.is_file() else None


def _encoded(columns: Columns, features: Features, spec: AttributionSpec | None, starts: np.ndarray) -> np.ndarray:
    states = features.encode(nested_observations(columns, features))
    if spec is None:
        return states
    states = decode(features, states) if spec.decoded else states
    return windows_of(states, spec.window, starts) if spec.window else states


def _observation_columns(features: Features) -> tuple[str, ...]:
    return tuple(observation_column(leaf) for leaf in recorded_leaves(features))


def _starts(parts: Sequence[_EpisodePart]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([part.outcome.steps for part in parts])]).astype(np.int64)


def _grouped(parts: Iterator[_EpisodePart], size: int) -> Iterator[list[_EpisodePart]]:
    """Parts that can be joined and are small together; `size` is how many numbers a step has."""
    pending: list[_EpisodePart] = []
    numbers = 0
    for part in parts:
        adds = part.outcome.steps * size
        if pending and (numbers + adds > BATCH_NUMBERS or not _joins(pending[-1], part)):
            yield pending
            pending, numbers = [], 0
        pending.append(part)
        numbers += adds
    if pending:
        yield pending


def _joins(first: _EpisodePart, second: _EpisodePart) -> bool:
    if not alike(first.columns, second.columns):
        return False
    if first.explained is None or second.explained is None:
        return first.explained is second.explained
    return alike(first.explained, second.explained)


def _episode_parts(recording: RecordingFolder, names: Sequence[str]) -> Iterator[_EpisodePart]:
    """These columns of each episode; the mask only where there is one."""
    folder = recording.directory / "episodes"
    last: Part | None = None
    for number in recording.numbers:
        path = numbered_path(folder, number)
        try:
            columns, metadata = read_part(path, names)
            outcome = outcome_in(path, metadata, recording.seal)
            with damage_as_corrupt(path):
                _check_columns(columns, last, {*names} - {"mask"})
                if (rows := row_count(columns)) != outcome.steps:
                    raise ValueError(f"it declares {outcome.steps} steps and has {rows}")
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            continue
        last = columns
        identity = {RECORDING: recording.seal, NUMBER: f"{number:06d}", EPISODE_ROWS: metadata.get(CONTENT, "")}
        yield _EpisodePart(outcome, identity, columns)


def _explained_parts(
    recording: RecordingFolder, key: str, identity: dict[str, str], names: Sequence[str]
) -> Iterator[_EpisodePart]:
    """The same, with the attributions of each episode; `identity` is that of their folder."""
    folder = recording.directory / "attributions" / key
    last: Part | None = None
    for part in _episode_parts(recording, names):
        path = numbered_path(folder, part.outcome.number)
        explained: Part | None = None
        try:
            explained, metadata = read_part(path, _EXPLAINED)
            check_belongs(path, metadata, part.identity | identity)
            with damage_as_corrupt(path):
                _check_columns(explained, last, {"t", "values", "scores"})
            last = explained
        except FileNotFoundError as error:
            raise not_explained(recording, key, part.outcome.number) from error
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            explained = None
        yield _EpisodePart(part.outcome, part.identity, part.columns, explained)


def _explained_columns(
    recording: RecordingFolder, key: str, parts: Sequence[_EpisodePart], identity: dict[str, str], starts: np.ndarray
) -> Columns:
    """The columns of attributions, a row per step; a step that was not explained is a gap."""
    explained = [part.explained for part in parts if part.explained is not None]
    shape, labels = recording.features_of(key).shape, len(recording.spec(key).labels)
    if not explained:
        return join_rows([(part.outcome.steps, {}) for part in parts], labels, shape)
    columns, lengths = dict(joined(explained)), np.array([row_count(part) for part in explained])
    t, steps = columns.pop("t"), np.diff(starts)
    owner = np.repeat(np.arange(len(parts)), lengths)
    if misplaced(t, owner, steps).any():
        folder = recording.directory / "attributions" / key
        numbers = [part.outcome.number for part in parts]
        each = [
            rows_or_warning(numbered_path(folder, number), int(count), part.identity | identity)
            for number, count, part in zip(numbers, steps, parts, strict=True)
        ]
        return join_rows(list(zip(steps.tolist(), each, strict=True)), labels, shape)
    if (lengths == steps).all():
        return columns
    full = {name: gap(int(starts[-1]), column) for name, column in columns.items()}
    for name, column in columns.items():
        full[name][starts[owner] + t] = column
    return full


def _check_columns(part: Part, checked: Part | None, names: set[str]) -> None:
    """Check that a part has some columns; a part that is like one that was checked has them."""
    if checked is not None and alike(checked, part):
        return
    if missing := names - set(part if isinstance(part, dict) else part.column_names):
        raise KeyError(min(missing))
