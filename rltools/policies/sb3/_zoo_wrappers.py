"""The wrappers that rl-baselines3-zoo's files name, and what stands for them today; none is imported on their word."""

from __future__ import annotations

import re
from typing import Any

from gymnasium import Space
from gymnasium.spaces import Box

from rltools.environments import wrapper_names

Wrapper = tuple[str, dict[str, Any]]
"""The name of a class that a file may name, with its arguments."""

_TIME_FEATURES = ("sb3_contrib.common.wrappers", "rl_zoo3.wrappers", "utils.wrappers")
_GYM = re.compile(r"(gym|gymnasium)\.wrappers(\.\w+)*\.(?P<name>\w+)")
_ZOO = re.compile(r"(rl_zoo3|utils)\.wrappers\.(?P<name>\w+)")
_ENTIRE = re.compile(r"((gym_)?minigrid\.wrappers|stable_baselines3\.common\.atari_wrappers)\.\w+")

# Of Gymnasium's, those that do the same in every process: nothing that learns statistics, draws or writes.
_SAME = (
    "AtariPreprocessing",
    "ClipAction",
    "DtypeObservation",
    "FilterObservation",
    "FlattenObservation",
    "GrayscaleObservation",
    "RecordEpisodeStatistics",
    "RescaleAction",
    "RescaleObservation",
    "ReshapeObservation",
    "ResizeObservation",
    "TimeAwareObservation",
    "TimeLimit",
)
_NAMED_TODAY = {"GrayScaleObservation": "GrayscaleObservation", "YAMLCompatResizeObservation": "ResizeObservation"}

# These leave the observation as it is.
_LEFT_OUT = {
    "ActionNoiseWrapper": "adds noise to actions",
    "ActionSmoothingWrapper": "smooths actions over time",
    "DelayedRewardWrapper": "delays rewards",
    "DoneOnSuccessWrapper": "ends an episode on success",
    "PlotActionWrapper": "draws actions",
    "TruncatedOnSuccessWrapper": "ends an episode on success",
}
_NOTHING_TO_DO = ("stable_baselines3.common.monitor.Monitor",)


def todays_wrapper(name: str, kwargs: dict[str, Any]) -> tuple[Wrapper | None, str]:
    """What stands for a wrapper today, and the caveat that comes with it.

    Returns:
        None and "" where there is nothing to do; None and a caveat where it is left out on purpose, which changes no
        observation.

    Raises:
        LookupError: nothing stands for it.
    """
    module, _, short = name.rpartition(".")
    if name in _NOTHING_TO_DO:
        return None, ""
    zoos, gyms = _ZOO.fullmatch(name), _GYM.fullmatch(name)
    if zoos and short in _LEFT_OUT:
        return None, f"trained with {short}, which {_LEFT_OUT[short]}; that is not done here"
    if zoos and short == "FrameSkip":
        return ("RepeatAction", {"num_repeats": kwargs.get("skip", 4)}), ""
    if gyms and short == "FrameStack":
        return ("FrameStackObservation", {"stack_size": kwargs["num_stack"]}), ""
    today = _NAMED_TODAY.get(short, short)
    if (gyms and today in _SAME) or (zoos and short in _NAMED_TODAY):
        shape = kwargs.get("shape")
        square = today == "ResizeObservation" and isinstance(shape, int)
        return (today, kwargs | {"shape": [shape, shape]} if square else kwargs), ""
    entire = _ENTIRE.fullmatch(name) or (short == "TimeFeatureWrapper" and module in _TIME_FEATURES)
    if entire and short in wrapper_names():
        return (short, kwargs), ""
    raise LookupError(name)


def stacked(count: int, space: Space[Any]) -> tuple[Wrapper, ...]:
    """What VecFrameStack does: the last `count` observations along the last axis, zeros before the first one.

    Args:
        count: of observations.
        space: of one of them.

    Returns:
        Wrappers that give what the network sees: a vector, oldest first; of images of one channel, which the library
        puts first, the frames.

    Raises:
        LookupError: nothing stands for it.
    """
    frames = ("FrameStackObservation", {"stack_size": count, "padding_type": "zero"})
    shape = space.shape if isinstance(space, Box) else ()
    if len(shape) == 1:
        return frames, ("FlattenObservation", {})
    if len(shape) == 3 and shape[2] == 1:
        return ("ReshapeObservation", {"shape": list(shape[:2])}), frames
    raise LookupError("along the last axis, as Stable-Baselines3 does, and Gymnasium stacks along the first")
