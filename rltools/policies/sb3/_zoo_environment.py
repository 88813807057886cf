"""The environment that a zoo's folder speaks of, without running what it says."""

from __future__ import annotations

import dataclasses

from gymnasium.envs.registration import WrapperSpec

from rltools.environments import current_id
from rltools.errors import SimulationError
from rltools.policies._surroundings import Surroundings, look_at, renamed_note, with_arguments
from rltools.policies.sb3._zoo import ZooRecord

_WRAPPERS = {
    "sb3_contrib.common.wrappers.TimeFeatureWrapper": "sb3_contrib.common.wrappers.time_feature:TimeFeatureWrapper"
}


def zoo_environment(record: ZooRecord) -> tuple[Surroundings | None, tuple[str, ...]]:
    """The environment, or None, and the caveats that a reader of any result should see."""
    refused = [f"the wrapper {name}" for name, _ in record.wrappers if name not in _WRAPPERS] + list(record.unknown)
    if refused:
        note = (
            f"trained on {record.environment} with {' and '.join(refused)}, which is not done on a file's word; "
            f"give a function that makes the environment as env="
        )
        return None, (note,)
    today = current_id(record.environment)
    notes = (renamed_note(record.environment, today),) if today[0] != record.environment else ()
    wrappers = tuple(WrapperSpec(name.rpartition(".")[2], _WRAPPERS[name], kwargs) for name, kwargs in record.wrappers)
    try:
        spec = with_arguments(record.environment, record.kwargs)
        return look_at(dataclasses.replace(spec, additional_wrappers=spec.additional_wrappers + wrappers)), notes
    except SimulationError as error:
        return None, (*notes, f"the environment it was trained on, {record.environment}, cannot be made here: {error}")
