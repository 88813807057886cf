"""Which seed each episode of a recording has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rltools.errors import CorruptError

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
            `numpy.random.SeedSequence` of it, so that recordings from different seeds share no episode but by a chance
            of one in a billion. "consecutive", of recordings that do not name a rule: the seed plus the number, so that
            recordings from seeds 0 and 1 share all episodes but one.
        seed: of the recording.
        number: of the episode, from 0.

    Raises:
        CorruptError: no such rule.

    >>> [episode_seed("spread", 0, number) for number in range(3)], episode_seed("consecutive", 0, 2)
    ([0, 1164525426, 894443653], 2)
    """
    if rule not in _RULES:
        raise CorruptError(f"seeds of episodes by the rule {rule!r}; this version knows {' and '.join(_RULES)}")
    return _RULES[rule](seed, number)


def shared_seeds(recordings: Mapping[str, list[int]]) -> list[tuple[str, str, int]]:
    """Pairs of recordings, by their labels, that have episodes of the same seed, and how many.

    Args:
        recordings: the seeds of the episodes of each.
    """
    labels = list(recordings)
    pairs = [(one, other) for at, one in enumerate(labels) for other in labels[at + 1 :]]
    counts = [(one, other, len(set(recordings[one]) & set(recordings[other]))) for one, other in pairs]
    return [pair for pair in counts if pair[2]]
