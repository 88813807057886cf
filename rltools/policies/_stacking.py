"""Several observations in one, which a network may have been trained on."""

from __future__ import annotations

from typing import Any

from gymnasium import Space
from gymnasium.spaces import Box

MOST = 16
"""Observations in one; more are hardly ever stacked, and large multiples come about by chance."""


def stacking_hint(observed: Space[Any], given: Space[Any]) -> str:
    """What to do where a network's observations may be several of the environment's in one; "" where they are not.

    Stable-Baselines3's VecFrameStack makes them so, along the last axis, and then puts the channels of images first.
    """
    found = _stacked(observed, given)
    if found is None:
        return ""
    times, how = found
    return f"if it sees {times} observations in one, as VecFrameStack stacks them, {how}; else "


def _stacked(observed: Space[Any], given: Space[Any]) -> tuple[int, str] | None:
    """How many observations are in one, and what makes them so."""
    if not isinstance(observed, Box) or not isinstance(given, Box):
        return None
    if observed.shape[1:] == given.shape and given.shape:
        return observed.shape[0], _wrapped(f"FrameStackObservation(stack_size={observed.shape[0]})")
    times = _times(observed.shape, given.shape)
    if times is None:
        return None
    frames = f"FrameStackObservation(stack_size={times}, padding_type='zero')"
    if len(given.shape) == 1:
        return times, _wrapped(f"{frames} and FlattenObservation")
    if given.shape[2] == 1:
        return times, _wrapped(f"ReshapeObservation(shape={list(given.shape[:2])}) and {frames}")
    return times, f"give a function that makes an environment whose channels are those of its last {times} pictures"


def _wrapped(how: str) -> str:
    return f"wrap it in {how}, in a function that is given as env or by the wrappers of an agent's card"


def _times(observed: tuple[int, ...], given: tuple[int, ...]) -> int | None:
    """By what the last axis, or that of the channels where a network has them first, is longer than the given one."""
    if len(observed) != len(given) or len(given) not in (1, 3):
        return None
    for *beside, stacked in (observed, (*observed[1:], observed[0])):
        times, left = divmod(stacked, given[-1])
        if tuple(beside) == given[:-1] and left == 0 and 2 <= times <= MOST:
            return times
    return None
