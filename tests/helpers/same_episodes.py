"""Compares the episodes of two recordings."""

from __future__ import annotations

import numpy as np

from rltools.recording import Recording


def assert_same_episodes(first: Recording, second: Recording) -> None:
    """Everything that a data set keeps of an episode is the same, to the last bit."""
    assert first.numbers == second.numbers
    for number in first.numbers:
        one, other = first.episode(number), second.episode(number)
        for name in ("states", "actions", "rewards", "terminated", "truncated"):
            expected, read = getattr(one, name), getattr(other, name)
            assert expected.dtype == read.dtype
            np.testing.assert_array_equal(expected, read, err_msg=name)
        assert one.outcome.total_reward == other.outcome.total_reward
        assert one.outcome.ended == other.outcome.ended
