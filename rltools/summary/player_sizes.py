"""How large an attribution is for each player, a variable whose loss of return can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Recording, check_recording
from rltools.spaces import Features
from rltools.spaces.variables import over_lags
from rltools.stats import Jackknife, Named, jackknife
from rltools.summary._levels import Level
from rltools.summary._sums import collect


@dataclass(frozen=True)
class PlayerSizes:
    """How large an attribution is for each player.

    Attributes:
        players: their names.
        sizes: `[player]`, the mean over the explained steps, and over the targets, of |sum of the values of the
            player's elements|; without each episode and, if draws are stored, without each block of draws.
        sources: what each part of `sizes.without` leaves out: "episodes", then "references".
        steps: how many steps were explained.
    """

    players: tuple[str, ...]
    sizes: Jackknife
    sources: tuple[str, ...]
    steps: int

    __repr__ = short_repr


def player_sizes(
    recording: Recording, key: str, players: Sequence[str], positions: Sequence[np.ndarray]
) -> PlayerSizes:
    """The size of each player in an attribution: the mean of |sum of the values of its elements|.

    Values per unit of a feature are multiplied by its std first. Over a window, a player has its elements of every lag.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        players: names of the players.
        positions: int64 `[element]` for each player, row-major positions in an encoded observation; in one decoded into
            factors, if the attribution is of these.

    Raises:
        ArgumentError: not as many positions as players, or a position outside the observation.
        RecordingError: an episode is not explained yet.

    Example:
        >>> import numpy as np
        >>> import rltools
        >>> from rltools.summary.player_sizes import player_sizes
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=3, max_steps=40), policy, method="gradient")
        >>> cart_and_pole = [np.array([0, 1]), np.array([2, 3])]
        >>> result = player_sizes(recording, recording.find(), ("cart", "pole"), cart_and_pole)
        >>> result.players[result.sizes.value.argmax()], result.sources
        ('pole', ('episodes',))
    """
    check_recording(recording)
    if len(players) != len(positions):
        raise ArgumentError(f"{len(positions)} lists of positions for {len(players)} players; give one for each player")
    size = _observed(recording, key).size
    for name, elements in zip(players, positions, strict=True):
        if len(elements) == 0 or int(np.min(elements)) < 0 or int(np.max(elements)) >= size:
            raise ArgumentError(
                f"the player {name!r} has positions {np.asarray(elements).tolist()!r:.80}; they are at least one, from "
                f"0 to {size - 1}, the elements of an observation of {recording.directory}"
            )
    lags = max(1, recording.spec(key).window)
    rows = [(name, np.asarray(elements, np.int64)) for name, elements in zip(players, positions, strict=True)]
    (sums,) = collect(recording, key, [Level("variables", over_lags(rows, size, lags))])
    steps, targets = sums.counts[:, 0].astype(np.float64), len(recording.spec(key).labels)

    def mean(total: np.ndarray, count: np.ndarray) -> Named:
        with np.errstate(invalid="ignore"):
            return {"": total / (targets * count[:, None])}

    draws = sums.sizes_without
    without = () if draws is None else (draws.sum(axis=1), np.full(len(draws), steps.sum()))
    sizes = (
        jackknife(mean, (sums.magnitudes, steps), without, sums.origins)[""] if len(steps) else _nothing(len(players))
    )
    sources = ("episodes", "references")[: len(sizes.without)]
    return PlayerSizes(tuple(players), sizes, sources, int(steps.sum()))


def _observed(recording: Recording, key: str) -> Features:
    """The features of a single observation as an attribution explains it."""
    return recording.features.decoded if recording.spec(key).decoded else recording.features


def tells_factors_apart(recording: Recording, key: str) -> bool:
    """Whether an attribution has a value for each factor of a choice that a card decodes, or there is none.

    Where it has not, it has no size for players that are factors: derivatives are those of the whole choice.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
    """
    return recording.spec(key).decoded or not any(recording.features.factors)


def _nothing(players: int) -> Jackknife:
    return Jackknife(np.full(players, np.nan), ())
