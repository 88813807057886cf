"""Which seed each episode of a recording has."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import CorruptError

if TYPE_CHECKING:
    from rltools.recording._recording import Recording

SPREAD, CONSECUTIVE = "spread", "consecutive"


def _spread(seed: int, number: int) -> int:
    if number == 0:
        return seed
    # 31 bits, because some environments keep their seed in a signed integer of 32.
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint32)[0] >> 1)


_RULES: Mapping[str, Callable[[int, int], int]] = {SPREAD: _spread, CONSECUTIVE: lambda seed, number: seed + number}


def episode_seed(rule: str, seed: int, number: int) -> int:
    """The seed that the environment of an episode is reset with.

    Args:
        rule: "spread": the first episode has the recording's seed, and the others have 31 bits of a
            `numpy.random.SeedSequence` of it, so that recordings from different seeds share an episode by a chance of
            one in a billion only. "consecutive", of recordings that do not name a rule: the seed plus the number, so
            that recordings from seeds 0 and 1 share all episodes but one.
        seed: of the recording.
        number: of the episode, from 0.

    Raises:
        CorruptError: no such rule.

    >>> [episode_seed("spread", 0, number) for number in range(3)], episode_seed("consecutive", 0, 2)
    ([0, 336614359, 1620722436], 2)
    """
    if rule not in _RULES:
        raise CorruptError(f"seeds of episodes by the rule {rule!r}; this version knows {' and '.join(_RULES)}")
    return _RULES[rule](seed, number)


class SharedEpisodesWarning(UserWarning):
    """Recordings that are compared hold the same episodes of the same network, and so are not independent."""


def shared_episodes(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """A sentence for each pair of recordings of one network that hold the same episodes; () where none do.

    Different networks are meant to be compared in the same episodes.

    Args:
        recordings: by their labels.
    """
    labels = list(recordings)
    seeds = {label: {outcome.seed for outcome in recording.outcomes()} for label, recording in recordings.items()}
    return tuple(
        f"{one} and {other} share {shared} of {len(seeds[one] | seeds[other])} episodes: they have the same network "
        f"and seeds, and agree there by themselves; record one of them from another seed"
        for at, one in enumerate(labels)
        for other in labels[at + 1 :]
        if _same_but_for_seeds(recordings[one], recordings[other]) and (shared := len(seeds[one] & seeds[other]))
    )


def warn_of_shared_episodes(recordings: Mapping[str, Recording]) -> None:
    """Say what `shared_episodes` finds, at the line that called the function that compares."""
    for text in shared_episodes(recordings):
        warnings.warn(text, SharedEpisodesWarning, stacklevel=4)


def _same_but_for_seeds(one: Recording, other: Recording) -> bool:
    mine, theirs = one.header, other.header
    same = (mine.policy_sha256, mine.environment, mine.deterministic) == (
        theirs.policy_sha256,
        theirs.environment,
        theirs.deterministic,
    )
    return same and one.directory.resolve() != other.directory.resolve()
