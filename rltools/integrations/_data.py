"""A data set of another tool, and how its observations and actions become those of a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from rltools.errors import DataError, MismatchError
from rltools.policies.env_info import EnvInfo, check_match
from rltools.rollout.faults import as_array
from rltools.spaces.leaves import Leaf, leaves, nest, pick

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.policies.base import Policy
    from rltools.policies.bounds import Bounds


@dataclass(frozen=True)
class DataEpisode:
    """An episode of a data set.

    Attributes:
        observations: `[step, *observation]`, or `[step + 1, *observation]` with the one after the last action; for a
            Dict or Tuple a structure of the same kind, with such an array at each leaf.
        actions: `[step, *action]`.
        rewards: `[step]`; None if the data set has none.
        terminated: bool `[step]`.
        truncated: bool `[step]`.
        seed: of the episode's reset; -1 if unknown.
        masks: bool `[step, k]`, which actions were allowed; None if the data set does not say.
        frames: makes the images `[y, x, channel]` of uint8 that show the environment before each action; None if the
            data set has none.

    Example:
        >>> import numpy as np
        >>> from rltools.integrations import DataEpisode
        >>> ends = np.array([False, True])
        >>> episode = DataEpisode(np.zeros((3, 4)), np.array([0, 1]), np.ones(2), ends, np.zeros(2, bool), seed=7)
        >>> episode.masks is None
        True
    """

    observations: Any
    actions: np.ndarray
    rewards: np.ndarray | None
    terminated: np.ndarray
    truncated: np.ndarray
    seed: int = -1
    masks: np.ndarray | None = None
    frames: Callable[[], Iterator[np.ndarray]] | None = None


@dataclass(frozen=True)
class Data:
    """An opened data set.

    Attributes:
        source: how it was named, for instance "minari:cartpole/expert-v0".
        observation_space: the space of its observations.
        action_space: the space of its actions; None if it does not say.
        episodes: how many there are.
        read: the episode of a number from 0.
        bounded: whether its spaces have the bounds of the environment, rather than none.
        environment: the id of the environment, as the data set says; "" if it does not. Never made.
        names: the names of the elements of a leaf of the observations, by the leaf's name.
        notes: caveats that a reader of any result should see.
        frames_per_second: the rate of its frames.

    Example:
        >>> import numpy as np
        >>> from gymnasium.spaces import Box, Discrete
        >>> from rltools.integrations import Data, DataEpisode
        >>> def read(number):
        ...     ends = np.arange(5) == 4
        ...     return DataEpisode(np.zeros((6, 4), "f"), np.zeros(5, int), np.ones(5), ends, ends & False)
        >>> data = Data("mine:poles", Box(-1, 1, (4,)), Discrete(2), episodes=3, read=read)
        >>> data.read(0).rewards.sum()
        np.float64(5.0)
    """

    source: str
    observation_space: Space[Any]
    action_space: Space[Any] | None
    episodes: int
    read: Callable[[int], DataEpisode]
    bounded: bool = True
    environment: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    frames_per_second: float = 30.0


Pairs = tuple[tuple[Leaf, Leaf], ...]
"""Each leaf of a policy's observations, and the leaf of the data set that it takes."""


def matching_leaves(policy: Policy, data: Data, bounds: Bounds) -> Pairs:
    """Which leaf of a data set each leaf of a policy's observations takes.

    A policy that observes a single array takes the only one of its shape from a data set with several; one that
    observes a Dict takes those of its keys.

    Raises:
        MismatchError: the spaces do not fit; the message has both.
    """
    own, theirs = leaves(policy.observation_space), leaves(data.observation_space)
    by_name = {leaf.name: leaf for leaf in theirs}
    space = data.observation_space
    if all(leaf.name in by_name for leaf in own):
        pairs = tuple((leaf, by_name[leaf.name]) for leaf in own)
        if isinstance(space, spaces.Dict) and isinstance(policy.observation_space, spaces.Dict):
            space = spaces.Dict({key: space[key] for key in policy.observation_space if key in space.spaces})
    else:
        alike = [leaf for leaf in theirs if (leaf.kind, leaf.shape) == (own[0].kind, own[0].shape)]
        if len(own) > 1 or own[0].path or len(alike) != 1:
            raise MismatchError(
                f"{policy.source.name} observes {_described(own)} and {data.source} has {_described(theirs)}; explain "
                f"a policy that takes these observations, or choose the data set of its environment"
            )
        pairs = ((own[0], alike[0]),)
        for key in alike[0].path:
            space = space.spaces[key]  # type: ignore[attr-defined]
    acted = policy.action_space if data.action_space is None else data.action_space
    info = EnvInfo(space, acted, any_bounds=bounds == "any" or not data.bounded, title=data.source)
    advice = "choose the data set of the environment that it was trained in"
    check_match(policy.source.name, policy.observation_space, policy.action_space, info, advice)
    return pairs


def _described(parts: tuple[Leaf, ...]) -> str:
    """Leaves with their shapes, for a message."""
    described = [f"{leaf.name or 'one array'} of shape {list(leaf.shape)} ({leaf.dtype})" for leaf in parts]
    return ", ".join(described[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")


def observation_columns(pairs: Pairs, episode: DataEpisode, steps: int, where: str) -> dict[Leaf, np.ndarray]:
    """The arrays `[step or step + 1, *leaf]` of a policy's observations, each in the policy's own dtype.

    Raises:
        DataError: an array has another length, shape or dtype, or a number that the policy's dtype cannot hold.
    """
    columns = {}
    for leaf, other in pairs:
        try:
            values = pick(episode.observations, other)
        except MismatchError as error:
            raise DataError(f"{where}: {error}") from None
        rows = len(values)
        if rows not in (steps, steps + 1):
            raise DataError(
                f"{where} has {rows} observations{f' of {other.name}' if other.name else ''} and {steps} rewards; "
                f"there must be one before each action, and at most one more"
            )
        if leaf.kind == "text":
            columns[leaf] = np.array([str(text) for text in values], dtype=object)
            continue
        columns[leaf] = _numbers(values, (rows, *leaf.shape), leaf, where)
    if len({len(values) for values in columns.values()}) > 1:
        raise DataError(
            f"{where} has arrays of observations of different lengths: it is damaged; choose other episodes"
        )
    return columns


def _numbers(values: Any, shape: tuple[int, ...], leaf: Leaf, where: str) -> np.ndarray:
    """Numbers in a leaf's dtype, within its choices.

    Raises:
        DataError: they are no numbers, have another shape, or do not fit.
    """
    name = leaf.name or "the observation"
    raw = np.asarray(values)
    if raw.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: {name} holds {raw.dtype} (the first is {raw.reshape(-1)[:1].tolist()!r:.60}), and numbers are "
            f"needed; nothing but numbers is read from a data set"
        )
    if raw.shape != shape:
        raise DataError(f"{where}: {name} has shape {list(raw.shape[1:])}, and the policy takes {list(shape[1:])}")
    try:
        array = as_array(raw, shape, np.dtype(leaf.dtype))
    except Exception as error:
        raise DataError(f"{where}: {name}: {error}") from None
    if leaf.kind == "choice":
        low = np.array(leaf.starts, np.int64)
        chosen = array.reshape(len(array), len(leaf.sizes)).astype(np.int64) - low
        if ((chosen < 0) | (chosen >= np.array(leaf.sizes))).any():
            step = int(np.argmax(((chosen < 0) | (chosen >= np.array(leaf.sizes))).any(axis=1)))
            raise DataError(f"{where}: {name} is {array[step].tolist()} at step {step}, which is not in its space")
    return array


def policy_actions(policy: Policy, actions: Any, steps: int, where: str) -> np.ndarray:
    """The actions `[step, *action]` of an episode, as the policy's environment takes them.

    Raises:
        DataError: they have another shape, are no numbers, or are not among the policy's actions.
    """
    space, raw = policy.action_space, np.asarray(actions)
    shape = (steps, *(space.shape or ()))
    if raw.dtype.kind not in "biuf" or raw.size != int(np.prod(shape)) or len(raw) != steps:
        raise DataError(
            f"{where} has actions of shape {list(raw.shape)} ({raw.dtype}); {policy.source.name} takes {list(shape)} "
            f"({space.dtype})"
        )
    converted = raw.reshape(shape).astype(space.dtype)
    if not np.isfinite(raw).all():
        step = int(np.argmin(np.isfinite(raw.reshape(steps, -1)).all(axis=1)))
        raise DataError(f"{where}: the action of step {step} is {raw[step].tolist()}; leave this episode out")
    if not policy.branches:
        return converted
    flat = converted.reshape(steps, len(policy.branches)).astype(np.int64)
    start = np.reshape(getattr(space, "start", 0), -1).astype(np.int64)
    wrong = ((flat - start < 0) | (flat - start >= np.array(policy.branches))).any(axis=1)
    wrong |= (converted != raw.reshape(shape)).reshape(steps, -1).any(axis=1)
    if wrong.any():
        step = int(np.argmax(wrong))
        raise DataError(
            f"{where}: the action of step {step} is {raw[step].tolist()}, and {policy.source.name} chooses among "
            f"{list(policy.branches)} values; choose the data set of its environment"
        )
    return converted


def nested_columns(columns: Mapping[Leaf, np.ndarray]) -> Any:
    """Observations as a policy takes them, from the arrays of their leaves."""
    return nest(list(columns.items()))
