"""Reads a data set of another tool as a recording, so that any policy can explain it without an environment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec

from rltools._util.discovery import unknown_name
from rltools._util.files import numbered_path, os_errors_as
from rltools._util.limits import MAX_EPISODES, check_count
from rltools._util.lock import folder_lock
from rltools._util.progress import progress_bar
from rltools.cards import environment_card
from rltools.errors import ArgumentError, DataError, RltoolsError
from rltools.integrations._data import (
    Data,
    DataEpisode,
    Pairs,
    matching_leaves,
    nested_columns,
    observation_columns,
    policy_actions,
)
from rltools.integrations._formats import importers
from rltools.policies.base import Context, Policy, check_is_policy
from rltools.policies.bounds import Bounds, check_bounds
from rltools.policies.threads import compute_threads
from rltools.recording import Outcome, Recording, as_path, observation_column, open_recording
from rltools.recording.folders import temporary_folder
from rltools.recording.writers import BlockFile, EpisodeWriter
from rltools.rollout.act import BLOCK, checked_mask
from rltools.rollout.faults import observation_fault, score_fault
from rltools.rollout.observations import CurrentObservations
from rltools.rollout.render import as_webp
from rltools.rollout.settings import header_of, settle

if TYPE_CHECKING:
    from rltools.recording import Header
    from rltools.spaces import Features


def import_data(
    source: str,
    policy: Policy,
    *,
    episodes: int | None = None,
    directory: str | Path | None = None,
    overwrite: bool = False,
    frames: bool | Collection[int] = False,
    bounds: Bounds = "same",
    progress: bool = False,
) -> Recording:
    """Read the episodes of a data set as a recording of what a policy makes of them, without an environment.

    Observations, actions, rewards and endings are those of the data set; the scores, and what the policy would have
    done (`Episode.choices`), are the policy's own. `rltools.explain` then explains the score of the recorded action,
    which may not be the one that the policy would choose: summaries and pages say at how many steps it is not. Nothing
    that a data set says is executed.

    Args:
        source: the format and the name of the data set in it, for instance "minari:cartpole/expert-v0" or
            "lerobot:data/pusht".
        policy: the policy that is to be explained; its observation and action spaces must fit.
        episodes: how many episodes to read, the first ones; None is all.
        directory: the folder of the recording; None is a temporary folder that lives as long as the recording.
        overwrite: delete an earlier recording in `directory`.
        frames: whether to keep the images of the data set as frames, if it has any, or the numbers of the episodes to
            keep them for.
        bounds: "any" accepts bounds that differ from those that the policy was trained with.
        progress: show a progress bar.

    Returns:
        The recording.

    Raises:
        ArgumentError: the source is not `FORMAT:NAME`, or a package that it needs is not installed.
        UnknownNameError: there is no such format.
        DataError: there is no such data set, or it has no episodes, is damaged, of a version that cannot be read, or
            holds numbers that are not finite or no numbers at all.
        MismatchError: its spaces do not fit the policy; the message has both.
        ConflictError: the folder holds another recording.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=40)
        >>> rltools.export(recording, "minari", "cartpole/expert-v0")
        'minari:cartpole/expert-v0'
        >>> data = rltools.import_data("minari:cartpole/expert-v0", policy, directory="runs/data")
        >>> rltools.explain(data, policy, method="gradient").attribution().values.shape
        (80, 1, 4)
    """
    check_is_policy(policy)
    check_bounds(bounds)
    if episodes is not None:
        check_count("episodes", episodes, most=MAX_EPISODES)
    data = open_data(source)
    if data.episodes == 0:
        raise DataError(f"{source} has no episodes, so there is nothing to explain; choose another data set")
    pairs = matching_leaves(policy, data, bounds)
    count = data.episodes if episodes is None else min(episodes, data.episodes)
    folder, keep_alive = temporary_folder() if directory is None else (as_path(directory, "directory"), None)
    header = _header(policy, data, pairs)
    with folder_lock(folder), os_errors_as(folder), compute_threads(policy, BLOCK):
        settle(folder, header, overwrite=overwrite)
        recording = replace(open_recording(folder), keep_alive=keep_alive)
        missing = sorted(set(range(count)) - set(recording.numbers))
        with progress_bar(f"read {source}", len(missing), show=progress, unit="episode") as advance:
            for number in missing:
                _write(recording, policy, data, pairs, number)
                advance(1)
        framed = range(count) if frames is True else () if frames is False else frames
        for number in framed:
            _write_frames(recording, data, number)
    return recording


def open_data(source: str) -> Data:
    """Open the data set that a source `FORMAT:NAME` names.

    Raises:
        ArgumentError: it is not such a source, or a package that it needs is not installed.
        UnknownNameError: there is no such format.
        DataError: there is no such data set, or it cannot be read.
    """
    readers = importers()
    name, colon, rest = str(source).partition(":")
    if not colon or not rest:
        raise ArgumentError(
            f"the data set is {source!r:.100}; give the format and its name, for instance minari:cartpole/expert-v0 "
            f"(formats: {', '.join(readers)})"
        )
    if name not in readers:
        raise unknown_name("format to import from", name, readers)
    try:
        return readers[name](rest)
    except RltoolsError:
        raise
    # A damaged file may raise anything in the library that reads it.
    except Exception as error:
        raise _damaged(source, error) from error


def _damaged(where: str, error: Exception) -> DataError:
    return DataError(
        f"{where} cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]}): it is damaged, or of "
        f"another version; download or make it again"
    )


def _header(policy: Policy, data: Data, pairs: Pairs) -> Header:
    """The header of the recording."""
    notes = [*data.notes]
    if data.environment:
        notes.append(f"the data set is of {data.environment}, which was not made: nothing was stepped")
    header = header_of(policy, None, -1, False, 0, notes=tuple(notes))
    return replace(header, data=data.source, value_head="", features=_named(policy.features, data, pairs))


def _named(features: Features, data: Data, pairs: Pairs) -> Features:
    """A policy's features, with the names of the data set or of its environment's card if it has none of its own."""
    if features.given_names:
        return features
    names = tuple(name for own, other in pairs if own.kind != "text" for name in data.names.get(other.name, ()))
    if len(names) == features.size and len(set(names)) == len(names):
        return replace(features, given_names=names)
    card = environment_card(EnvSpec(data.environment)) if data.environment else None
    if card is not None and features.dims == ("feature",) and len(card.observation) == features.size:
        units = tuple(element.unit or "" for element in card.observation)
        return replace(features, given_names=tuple(element.name for element in card.observation), units=units)
    return features


def _episode(data: Data, number: int) -> DataEpisode:
    """An episode of a data set.

    Raises:
        DataError: it cannot be read, or its arrays do not belong together.
    """
    where = f"episode {number} of {data.source}"
    try:
        episode = data.read(number)
    except RltoolsError:
        raise
    except Exception as error:
        raise _damaged(where, error) from error
    lengths = {len(episode.actions), len(episode.terminated), len(episode.truncated)}
    if len(lengths | ({len(episode.rewards)} if episode.rewards is not None else set())) > 1:
        raise DataError(
            f"{where} has {len(episode.actions)} actions and {len(episode.terminated)} ends of steps: it is damaged; "
            f"download or make it again"
        )
    return episode


def _write(recording: Recording, policy: Policy, data: Data, pairs: Pairs, number: int) -> None:
    """Write an episode of the data set, with the scores and choices of the policy."""
    where, episode = f"episode {number} of {data.source}", _episode(data, number)
    steps = len(episode.actions)
    columns = observation_columns(pairs, episode, steps, where)
    own = {leaf: values[:steps] for leaf, values in columns.items()}
    if not all(np.isfinite(values).all() for values in own.values() if values.dtype.kind == "f"):
        raise DataError(f"{where}: {_not_finite(policy, own)}; leave it out, or clean the data set")
    rewards = np.zeros(steps) if episode.rewards is None else np.asarray(episode.rewards, np.float64).reshape(steps)
    if not np.isfinite(rewards).all():
        step = int(np.argmin(np.isfinite(rewards)))
        raise DataError(f"{where}: the reward of step {step} is {rewards[step]}; leave it out, or clean the data set")
    masks = _masks(policy, episode, steps, where)
    block = {
        **{observation_column(leaf): values for leaf, values in own.items()},
        "action": policy_actions(policy, episode.actions, steps, where),
        **_decided(policy, own, masks, steps, where),
        "reward": rewards,
        "terminated": np.asarray(episode.terminated, bool).reshape(steps),
        "truncated": np.asarray(episode.truncated, bool).reshape(steps),
    }
    outcome = Outcome(
        number,
        episode.seed,
        steps,
        float(rewards.sum()),
        _ending(block),
        out_of_space=CurrentObservations(policy.observation_space, 1).out_of_space(block),
    )
    has_final = all(len(values) > steps for values in columns.values())
    final = {observation_column(leaf): values[steps] for leaf, values in columns.items()} if has_final else None
    writer = EpisodeWriter(numbered_path(recording.directory / "episodes", number), None, recording.seal)
    try:
        writer.write(block, [])
        writer.finish(outcome, final, data.frames_per_second)
    except BaseException:
        writer.abandon()
        raise


def _ending(block: Mapping[str, np.ndarray]) -> str:
    """How an episode ended; a data set may also end one in the middle, as a recorder's own limit does."""
    if block["terminated"][-1:].any():
        return "terminated"
    return "truncated" if block["truncated"][-1:].any() else "limit"


def _not_finite(policy: Policy, columns: Mapping[Any, np.ndarray]) -> str:
    """The first element of an observation that is not finite, in words."""
    rows = np.zeros(len(next(iter(columns.values()))), bool)
    for values in columns.values():
        if values.dtype.kind == "f":
            rows |= ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    step = int(np.argmax(rows))
    return observation_fault(policy, nested_columns({leaf: values[[step]] for leaf, values in columns.items()}), step)


def _masks(policy: Policy, episode: DataEpisode, steps: int, where: str) -> np.ndarray | None:
    """The action masks of an episode, bool `[step, k]`, for a policy that chooses among allowed actions.

    Raises:
        DataError: the data set has none.
    """
    if not policy.masked:
        return None
    if episode.masks is None:
        raise DataError(
            f"{policy.source.name} chooses among allowed actions only, and {where} does not say which these were "
            f"(infos['action_mask']); choose a data set with masks"
        )
    rows = np.asarray(episode.masks)[:steps]
    try:
        return np.stack([checked_mask(row, policy, f"the mask of a step in {where}") for row in rows])
    except RltoolsError as error:
        raise DataError(str(error)) from None


def _decided(
    policy: Policy, columns: Mapping[Any, np.ndarray], masks: np.ndarray | None, steps: int, where: str
) -> dict[str, np.ndarray]:
    """Scores, choices, masks and recurrent states of the policy at each step, by column.

    As while recording, vectors go through the network in blocks of exactly `BLOCK` rows, since it rounds by their
    number: the data set of a recording gives the scores of that recording to the last bit.
    """
    size = 1 if policy.state_size else BLOCK
    state = torch.zeros(BLOCK, policy.state_size, dtype=policy.dtype, device=policy.device)
    acted: dict[str, list[np.ndarray]] = {"score": [], "choice": [], "state": []}
    for start in range(0, steps, size):
        rows = np.minimum(np.arange(start, start + BLOCK), min(start + size, steps) - 1)
        count = min(size, steps - start)
        mask = None if masks is None else torch.tensor(masks[rows], device=policy.device)
        context = Context(mask=mask, state=state if policy.state_size else None)
        result = policy.act(nested_columns({leaf: values[rows] for leaf, values in columns.items()}), context)
        acted["score"].append(result.scores[:count])
        acted["choice"].append(result.actions[:count])
        if result.state is not None:
            acted["state"].append(state[:count].numpy(force=True))
            state = result.state
    space = policy.action_space
    empty = {
        "score": np.zeros((0, len(policy.action_names)), np.float32),
        "choice": np.zeros((0, *(space.shape or ())), space.dtype),
    }
    decided = {name: np.concatenate(acted[name] or [nothing]) for name, nothing in empty.items()}
    for step, row in enumerate(decided["score"]):
        if not np.isfinite(row.sum()) and (fault := score_fault(policy, row, step)):
            raise DataError(f"{where}: {fault}; the policy cannot score this observation")
    if policy.state_size:
        decided["state"] = np.concatenate([np.zeros((0, policy.state_size), np.float32), *acted["state"]])
    return decided if masks is None else decided | {"mask": masks}


BLOCK_OF_FRAMES = 32


def _write_frames(recording: Recording, data: Data, number: int) -> None:
    """Write the frames of an episode, if the data set has images of it."""
    path = numbered_path(recording.directory / "frames", number)
    if path.is_file() or recording.outcome(number).steps == 0:
        return
    episode = _episode(data, number)
    if episode.frames is None:
        return
    steps, images, file = len(episode.actions), episode.frames(), BlockFile(path)
    try:
        for start in range(0, steps, BLOCK_OF_FRAMES):
            block = np.empty(min(BLOCK_OF_FRAMES, steps - start), dtype=object)
            for row in range(len(block)):
                block[row] = as_webp(next(images))
            file.write({"frame": block})
        file.finish({"frames_per_second": str(data.frames_per_second), **recording.identity(number)})
    except RltoolsError:
        raise
    except Exception as error:  # too few frames, too
        raise _damaged(f"the images of episode {number} of {data.source}", error) from error
    finally:
        file.abandon()
