"""The environment that a zoo's folder speaks of, without running what it says."""

from __future__ import annotations

import json
import re
from typing import Any

from gymnasium import Space
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from rltools.envs import current_id, environment_spec, spec_from_json, wrapped_spec, wrapper_names
from rltools.errors import ArgumentError, SimulationError
from rltools.policies.env_info import EnvInfo, inspect_env, renamed_note
from rltools.policies.sb3.archive._pickle import shown
from rltools.policies.sb3.zoo.folder import ZooRecord

_INSTEAD = "give a function that makes the environment as env="


def zoo_environment(record: ZooRecord) -> tuple[EnvInfo | None, tuple[str, ...]]:
    """The environment, or None, and the caveats that a reader of any result should see."""
    trained = shown(record.environment)
    wrappers, notes, refused = _todays(record)
    if refused:
        return None, (
            f"trained on {trained} with {' and '.join(refused)}, which is not done on a file's word; {_INSTEAD}",
        )
    today = current_id(record.environment)
    if today[0] != record.environment:
        notes = (renamed_note(record.environment, today), *notes)
    try:
        spec = wrapped_spec(_spec(record), wrappers)
        around = inspect_env(spec)
        if record.frame_stack > 1:
            if record.normalized:
                raise LookupError("after they were normalized, which no wrapper of Gymnasium's does")
            around = inspect_env(wrapped_spec(spec, stacked(record.frame_stack, around.observation_space)))
        return around, notes
    except LookupError as error:
        how = error.args[0]
        return None, (*notes, f"trained on {trained} with {record.frame_stack} frames stacked {how}; {_INSTEAD}")
    except (SimulationError, ArgumentError) as error:
        return None, (*notes, f"the environment it was trained on, {trained}, cannot be made here: {shown(error)}")


def _todays(record: ZooRecord) -> tuple[tuple[Wrapper, ...], tuple[str, ...], list[str]]:
    wrappers, notes, refused = [], [], []
    for name, kwargs in record.wrappers:
        try:
            wrapper, note = todays_wrapper(name, kwargs)
        except LookupError:
            refused.append(f"the wrapper {shown(name)}")
            continue
        wrappers += [wrapper] if wrapper is not None else []
        notes += [note] if note else []
    return tuple(wrappers), tuple(notes), refused + list(record.unknown)


def _spec(record: ZooRecord) -> EnvSpec:
    # Through the one reader of specifications out of files: what it refuses could not be recorded either.
    registered = environment_spec(record.environment)
    said: dict[str, Any] = {
        "id": record.environment,
        "kwargs": record.kwargs,
        "max_episode_steps": registered.max_episode_steps if registered is not None else None,
        "additional_wrappers": [],
    }
    try:
        text = json.dumps(said)
    except (TypeError, ValueError) as error:
        raise SimulationError(f"its arguments are no plain numbers and texts ({shown(error)})") from error
    return spec_from_json(text)


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
