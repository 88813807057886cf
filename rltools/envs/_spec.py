"""Specifications of environments as text, and out of somebody's file."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Collection

from gymnasium.envs.registration import EnvSpec

from rltools._util.limits import MAX_WRAPPERS, oversized
from rltools.envs._ids import current_id, import_modules, registered, without_render_mode
from rltools.envs._wrapper_specs import MONITOR, known_wrapper, moderate, remakeable
from rltools.errors import SimulationError

# These make whatever environment of the old `gym` their arguments name.
_MAKERS_OF_OTHERS = ("GymV21Environment-v0", "GymV26Environment-v0")


def spec_to_json(spec: EnvSpec) -> str | None:
    """A specification as text; None where an argument cannot be written down.

    An environment that was registered with its class keeps its id: the class is written as the text that names it.
    """
    entry = spec.entry_point
    if entry is not None and not isinstance(entry, str):
        spec = dataclasses.replace(spec, entry_point=f"{entry.__module__}:{getattr(entry, '__qualname__', 'made')}")
    try:
        return spec.to_json()
    except (ValueError, TypeError, AttributeError):
        return None


def spec_from_json(text: str, *, allowed_modules: Collection[str] = ()) -> EnvSpec:
    """A specification out of somebody's file, as `EnvSpec.to_json()` writes it.

    Only the id, plain arguments, the step limit and known wrappers are taken; what is made
    is what is registered here under that id, never what the file says is to be imported.

    Args:
        text: JSON.
        allowed_modules: modules that may be imported for an id `module:Name-v0`, because the user named them. One
            that is imported already, for instance by `--import`, needs no naming.

    Raises:
        SimulationError: text that is no specification, an environment that is not registered, a wrapper or a module
            that is not allowed, or arguments that would make far too much.
    """
    try:
        said = json.loads(text)
        env_id, kwargs, limit = said["id"], said["kwargs"], said["max_episode_steps"]
        wrappers = [
            (wrapper["entry_point"], wrapper["kwargs"] or {})
            for wrapper in said["additional_wrappers"]
            if wrapper["entry_point"] != MONITOR
        ]
        well_formed = (
            isinstance(env_id, str)
            and isinstance(kwargs, dict)
            and (limit is None or (type(limit) is int and limit >= 1))
            and all(isinstance(entry, str) and isinstance(given, dict) for entry, given in wrappers)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SimulationError(f"not an environment's specification in JSON ({error!r}): {text[:200]!r}") from error
    if not well_formed:
        raise SimulationError(f"not an environment's specification in JSON, a value has the wrong type: {text[:200]!r}")
    module, colon, name = env_id.rpartition(":")
    if colon and module in allowed_modules:
        import_modules([module])
    elif colon and module not in sys.modules:  # what is imported already runs nothing more
        raise SimulationError(
            f"the file's environment {env_id!r} wants the module {module!r} to be imported, which is not done on a "
            f"file's word; if you trust that module, name it yourself: --import {module}"
        )
    if name in _MAKERS_OF_OTHERS:
        raise SimulationError(f"{name} makes any environment its arguments name; it is not taken from a file")
    if excess := oversized(kwargs):
        raise SimulationError(f"the environment {env_id} is not made as a file asks: {excess}; make it yourself")
    worn = moderate(remakeable(tuple(known_wrapper(entry, given) for entry, given in wrappers[: MAX_WRAPPERS + 1])))
    today, arguments = current_id(name)
    return dataclasses.replace(
        without_render_mode(registered(today, arguments | kwargs)),
        max_episode_steps=limit,
        additional_wrappers=worn,
    )
