"""The environment that a zoo's folder speaks of, without running what it says."""

from __future__ import annotations

import json
from typing import Any

from gymnasium.envs.registration import EnvSpec

from rltools.environments import current_id, environment_spec, spec_from_json, wrapped_spec
from rltools.errors import ArgumentError, SimulationError
from rltools.policies._surroundings import Surroundings, look_at, renamed_note
from rltools.policies.sb3._unpickle import shown
from rltools.policies.sb3._zoo import ZooRecord
from rltools.policies.sb3._zoo_wrappers import Wrapper, stacked, todays_wrapper

_INSTEAD = "give a function that makes the environment as env="


def zoo_environment(record: ZooRecord) -> tuple[Surroundings | None, tuple[str, ...]]:
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
        around = look_at(spec)
        if record.frame_stack > 1:
            if record.normalized:
                raise LookupError("after they were normalised, which no wrapper of Gymnasium's does")
            around = look_at(wrapped_spec(spec, stacked(record.frame_stack, around.observation_space)))
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
