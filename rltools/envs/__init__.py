"""Naming and making environments, without running what a file says."""

from rltools.envs._ids import (
    Environment,
    current_id,
    environment_spec,
    import_modules,
    is_newer_version,
    registered_ids,
)
from rltools.envs._make import check_kind, foreign_kind, is_old_space, make_environment, make_with_rewards
from rltools.envs._spec import spec_from_json, spec_to_json
from rltools.envs._statistics import (
    chain,
    changes_rewards,
    check_learned,
    checked_statistics,
    freeze,
    freeze_all,
    holds_statistics,
    normalizers,
    scaled_rewards,
    with_own_rewards,
)
from rltools.envs._wrapper_specs import statistics_of, wrapped_spec, wrapper_names

__all__ = [
    "Environment",
    "chain",
    "changes_rewards",
    "check_kind",
    "check_learned",
    "checked_statistics",
    "current_id",
    "environment_spec",
    "foreign_kind",
    "freeze",
    "freeze_all",
    "holds_statistics",
    "import_modules",
    "is_newer_version",
    "is_old_space",
    "make_environment",
    "make_with_rewards",
    "normalizers",
    "registered_ids",
    "scaled_rewards",
    "spec_from_json",
    "spec_to_json",
    "statistics_of",
    "with_own_rewards",
    "wrapped_spec",
    "wrapper_names",
]
