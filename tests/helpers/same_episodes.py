"""Compares the episodes of two recordings."""

from __future__ import annotations

import numpy as np

from rltools.recording import Recording


def assert_same_episodes(first: Recording, second: Recording) -> None:
    """Everything that a data set keeps of an episode is the same, to the last bit."""
    assert first.numbers == second.numbers
    for number in first.numbers:
        mine, theirs = first.episode(number), second.episode(number)
        for name in ("states", "actions", "rewards", "terminated", "truncated"):
            expected, read = getattr(mine, name), getattr(theirs, name)
            assert expected.dtype == read.dtype
            np.testing.assert_array_equal(expected, read, err_msg=name)
        assert mine.outcome.total_reward == theirs.outcome.total_reward
        assert mine.outcome.ended == theirs.outcome.ended
