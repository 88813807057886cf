"""Specs of environments as JSON, written and read back from files that anyone may have made."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Collection

from gymnasium.envs.registration import EnvSpec

from rltools._util.limits import MAX_WRAPPERS, oversized
from rltools.envs._ids import current_id, import_modules, registered, without_render_mode
from rltools.envs._wrapper_specs import (
    canonical_entry_point,
    checked_wrappers,
    is_transparent,
    remakeable,
    with_canonical_wrappers,
    wrapper_from_file,
)
from rltools.errors import SimulationError

# These make any environment of the old `gym` that their arguments name.
_WRAPPED_GYM = ("GymV21Environment-v0", "GymV26Environment-v0")


def spec_to_json(spec: EnvSpec) -> str | None:
    """A spec as JSON; None if an argument cannot be written as JSON.

    An environment that was registered with a class is written with the text that names the class.
    """
    entry = spec.entry_point
    if entry is not None and not isinstance(entry, str):
        spec = dataclasses.replace(spec, entry_point=f"{entry.__module__}:{getattr(entry, '__qualname__', 'made')}")
    try:
        return with_canonical_wrappers(spec).to_json()
    except (ValueError, TypeError, AttributeError):
        return None


def canonical_spec_json(text: str) -> str:
    """A spec's JSON with the entry points of wrappers that this version writes, so that older ones compare equal.

    Text that is not the JSON of a spec is returned as it is.
    """
    try:
        entry = json.loads(text)
        for wrapper in entry["additional_wrappers"]:
            wrapper["entry_point"] = canonical_entry_point(wrapper["entry_point"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    return json.dumps(entry)


def spec_from_json(text: str, *, allowed_modules: Collection[str] = ()) -> EnvSpec:
    """A spec from someone else's file, as `EnvSpec.to_json()` writes it.

    Only the id, plain arguments, the step limit and wrappers that a file may name are used. The environment made is the
    one registered here under that id; nothing is imported because the file names it.

    Args:
        text: JSON.
        allowed_modules: modules that may be imported for an id `module:Name-v0`, because the user named them. A module
            that is already imported, for instance by `--import`, need not be named.

    Raises:
        SimulationError: text that is not a spec, an environment that is not registered, a wrapper or a module that is
            not allowed, or arguments that would allocate too much.
    """
    try:
        entry = json.loads(text)
        env_id, kwargs, limit = entry["id"], entry["kwargs"], entry["max_episode_steps"]
        wrappers = [
            (wrapper["entry_point"], wrapper["kwargs"] or {})
            for wrapper in entry["additional_wrappers"]
            if not is_transparent(wrapper["entry_point"])
        ]
        well_formed = (
            isinstance(env_id, str)
            and isinstance(kwargs, dict)
            and (limit is None or (type(limit) is int and limit >= 1))
            and all(isinstance(path, str) and isinstance(arguments, dict) for path, arguments in wrappers)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SimulationError(f"not an environment's specification in JSON ({error!r}): {text[:200]!r}") from error
    if not well_formed:
        raise SimulationError(f"not an environment's specification in JSON, a value has the wrong type: {text[:200]!r}")
    module, colon, name = env_id.rpartition(":")
    if colon and module in allowed_modules:
        import_modules([module])
    elif colon and module not in sys.modules:  # an imported module runs nothing more
        raise SimulationError(
            f"the file's environment {env_id!r} wants the module {module!r} to be imported, which is not done on a "
            f"file's word; if you trust that module, name it yourself: --import {module}"
        )
    if name in _WRAPPED_GYM:
        raise SimulationError(f"{name} makes any environment its arguments name; it is not taken from a file")
    if excess := oversized(kwargs):
        raise SimulationError(f"the environment {env_id} is not made as a file asks: {excess}; make it yourself")
    specs = tuple(wrapper_from_file(path, arguments) for path, arguments in wrappers[: MAX_WRAPPERS + 1])
    current, arguments = current_id(name)
    return dataclasses.replace(
        without_render_mode(registered(current, arguments | kwargs)),
        max_episode_steps=limit,
        additional_wrappers=checked_wrappers(remakeable(specs)),
    )
