"""Statistics of observations that go on with a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rltools.policies.sb3._normalize import Statistics, given_statistics, live_statistics


class FollowedStatistics:
    """The statistics of a live VecNormalize as they are at the moment of each call; None without any.

    Args:
        wrapper: gives what a caller named: a live VecNormalize, the path of one that was saved, or None.
    """

    def __init__(self, wrapper: Callable[[], Any]) -> None:
        self._wrapper, first = wrapper, wrapper()
        self._numbers: list[Any] = []
        self._statistics = None if first is None else given_statistics(first)
        self._follows = not isinstance(first, str | Path)

    def __call__(self) -> Statistics | None:
        """Read them; the same object as the last time where no number has changed."""
        wrapper = self._wrapper() if self._follows else None
        if wrapper is None:
            return self._statistics
        numbers = _numbers(wrapper)
        if numbers != self._numbers:
            self._numbers, self._statistics = numbers, live_statistics(wrapper)
        return self._statistics


def _numbers(wrapper: Any) -> list[Any]:
    """Whatever statistics are made of, to be compared; the arrays as bytes, because they may be written into."""
    running = wrapper.obs_rms if wrapper.norm_obs else {}
    moments = running.values() if isinstance(running, dict) else [running]
    arrays = [np.asarray(array).tobytes() for entry in moments for array in (entry.mean, entry.var)]
    return [wrapper.norm_obs, wrapper.epsilon, wrapper.clip_obs, *arrays]
