"""Environments: their ids, their specs, and how they are made, without running what a file says.

`_ids` finds a spec by id, `_spec` reads and writes specs as JSON, `_wrapper_specs` knows the wrappers a file may name,
`_statistics` freezes what wrappers have learned, `names/` names observations and actions. Imports `spaces` and, for
types, `cards`. Start with `_make.py`: `make_environment`.
"""

from rltools.envs._ids import (
    Environment,
    current_id,
    environment_spec,
    import_modules,
    is_newer_version,
    registered_ids,
    with_arguments,
)
from rltools.envs._make import check_kind, foreign_kind, is_old_space, make_environment, make_with_wrapped_rewards
from rltools.envs._options import argument_options, environment_options
from rltools.envs._spec import canonical_spec_json, spec_from_json, spec_to_json
from rltools.envs._statistics import (
    chain,
    changes_rewards,
    check_learned,
    checked_statistics,
    freeze,
    freeze_statistics,
    has_running_statistics,
    normalizers,
    reward_scalers,
    without_reward_scaling,
)
from rltools.envs._vectors import frame_stack_wrappers, is_vector, single_environment, vector_statistics
from rltools.envs._wrapper_specs import statistics_of, wrapped_spec, wrapper_names

__all__ = [
    "Environment",
    "argument_options",
    "canonical_spec_json",
    "chain",
    "changes_rewards",
    "check_kind",
    "check_learned",
    "checked_statistics",
    "current_id",
    "environment_options",
    "environment_spec",
    "foreign_kind",
    "frame_stack_wrappers",
    "freeze",
    "freeze_statistics",
    "has_running_statistics",
    "import_modules",
    "is_newer_version",
    "is_old_space",
    "is_vector",
    "make_environment",
    "make_with_wrapped_rewards",
    "normalizers",
    "registered_ids",
    "reward_scalers",
    "single_environment",
    "spec_from_json",
    "spec_to_json",
    "statistics_of",
    "vector_statistics",
    "with_arguments",
    "without_reward_scaling",
    "wrapped_spec",
    "wrapper_names",
]
