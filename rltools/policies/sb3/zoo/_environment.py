"""Makes the environment that a zoo's folder names, without running what it names."""

from __future__ import annotations

import json
import re
from typing import Any

from gymnasium.envs.registration import EnvSpec

from rltools.envs import (
    current_id,
    environment_spec,
    frame_stack_wrappers,
    spec_from_json,
    wrapped_spec,
    wrapper_names,
)
from rltools.errors import ArgumentError, SimulationError
from rltools.policies.env_info import EnvInfo, inspect_env, renamed_note
from rltools.policies.sb3.zoo.folder import ZooRecord
from rltools.policies.untrusted.messages import printable

_INSTEAD = "give a function that makes the environment as env="


def zoo_environment(record: ZooRecord) -> tuple[EnvInfo | None, tuple[str, ...]]:
    """The environment of a model, or None, and the caveats to show with every result."""
    trained = printable(record.environment)
    wrappers, notes, refused = _current_wrappers(record)
    if refused:
        return None, (
            f"trained on {trained} with {' and '.join(refused)}, which is not done just because a file names it; "
            f"{_INSTEAD}",
        )
    current = current_id(record.environment)
    if current[0] != record.environment:
        notes = (renamed_note(record.environment, current), *notes)
    try:
        spec = wrapped_spec(_spec(record), wrappers)
        info = inspect_env(spec)
        if record.frame_stack > 1:
            if record.normalized:
                raise LookupError("after normalization, which no wrapper of Gymnasium does")
            wrappers = frame_stack_wrappers(record.frame_stack, info.observation_space)
            info = inspect_env(wrapped_spec(spec, wrappers))
        return info, notes
    except LookupError as error:
        manner = error.args[0]
        return None, (*notes, f"trained on {trained} with {record.frame_stack} frames stacked {manner}; {_INSTEAD}")
    except (SimulationError, ArgumentError) as error:
        return None, (*notes, f"the environment it was trained on, {trained}, cannot be made here: {printable(error)}")


def _current_wrappers(record: ZooRecord) -> tuple[tuple[Wrapper, ...], tuple[str, ...], list[str]]:
    wrappers, notes, refused = [], [], []
    for name, kwargs in record.wrappers:
        try:
            wrapper, note = current_wrapper(name, kwargs)
        except LookupError:
            refused.append(f"the wrapper {printable(name)}")
            continue
        wrappers += [wrapper] if wrapper is not None else []
        notes += [note] if note else []
    return tuple(wrappers), tuple(notes), refused + list(record.unknown)


def _spec(record: ZooRecord) -> EnvSpec:
    # Specs are read from files in one way, so that whatever is made here can be recorded and read back.
    registered = environment_spec(record.environment)
    entry: dict[str, Any] = {
        "id": record.environment,
        "kwargs": record.kwargs,
        "max_episode_steps": registered.max_episode_steps if registered is not None else None,
        "additional_wrappers": [],
    }
    try:
        text = json.dumps(entry)
    except (TypeError, ValueError) as error:
        raise SimulationError(f"its arguments are not plain numbers and strings ({printable(error)})") from error
    return spec_from_json(text)


Wrapper = tuple[str, dict[str, Any]]
"""A class that a file may name, with its arguments."""

_TIME_FEATURES = ("sb3_contrib.common.wrappers", "rl_zoo3.wrappers", "utils.wrappers")
_GYM = re.compile(r"(gym|gymnasium)\.wrappers(\.\w+)*\.(?P<name>\w+)")
_ZOO = re.compile(r"(rl_zoo3|utils)\.wrappers\.(?P<name>\w+)")
_UNCHANGED = re.compile(r"((gym_)?minigrid\.wrappers|stable_baselines3\.common\.atari_wrappers)\.\w+")

# Gymnasium wrappers that depend on their arguments alone: none that learns statistics, renders or writes.
_DETERMINISTIC = (
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
_RENAMED = {"GrayScaleObservation": "GrayscaleObservation", "YAMLCompatResizeObservation": "ResizeObservation"}

# Wrappers that do not change the observation.
_OMITTED = {
    "ActionNoiseWrapper": "adds noise to actions",
    "ActionSmoothingWrapper": "smooths actions over time",
    "DelayedRewardWrapper": "delays rewards",
    "DoneOnSuccessWrapper": "ends an episode on success",
    "PlotActionWrapper": "draws actions",
    "TruncatedOnSuccessWrapper": "ends an episode on success",
}
_TRANSPARENT = ("stable_baselines3.common.monitor.Monitor",)


def current_wrapper(name: str, kwargs: dict[str, Any]) -> tuple[Wrapper | None, str]:
    """The current equivalent of a wrapper, and a caveat about it.

    Returns:
        None and "" for a wrapper without effect; None and a caveat for one that is omitted on purpose, because it does
        not change observations.

    Raises:
        LookupError: it has no equivalent.
    """
    module, _, short = name.rpartition(".")
    if name in _TRANSPARENT:
        return None, ""
    zoos, gyms = _ZOO.fullmatch(name), _GYM.fullmatch(name)
    if zoos and short in _OMITTED:
        return None, f"trained with {short}, which {_OMITTED[short]}; that is not done here"
    if zoos and short == "FrameSkip":
        return ("RepeatAction", {"num_repeats": kwargs.get("skip", 4)}), ""
    if gyms and short == "FrameStack":
        return ("FrameStackObservation", {"stack_size": kwargs["num_stack"]}), ""
    current = _RENAMED.get(short, short)
    if (gyms and current in _DETERMINISTIC) or (zoos and short in _RENAMED):
        shape = kwargs.get("shape")
        square = current == "ResizeObservation" and isinstance(shape, int)
        return (current, kwargs | {"shape": [shape, shape]} if square else kwargs), ""
    unchanged = _UNCHANGED.fullmatch(name) or (short == "TimeFeatureWrapper" and module in _TIME_FEATURES)
    if unchanged and short in wrapper_names():
        return (short, kwargs), ""
    raise LookupError(name)
