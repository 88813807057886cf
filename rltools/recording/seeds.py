"""The seed of each episode of a recording."""

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
            `numpy.random.SeedSequence` of it, so that recordings from different seeds share an episode with a
            probability of one in a billion only. "consecutive", for recordings that name no rule: the seed plus the
            number, so that recordings from seeds 0 and 1 share all episodes but one.
        seed: of the recording.
        number: of the episode, from 0.

    Raises:
        CorruptError: there is no such rule.

    >>> [episode_seed("spread", 0, number) for number in range(3)], episode_seed("consecutive", 0, 2)
    ([0, 336614359, 1620722436], 2)
    """
    if rule not in _RULES:
        raise CorruptError(f"unknown rule {rule!r} for the seeds of episodes; this version has {' and '.join(_RULES)}")
    return _RULES[rule](seed, number)
