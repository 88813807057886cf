"""Naming and making environments, without running what a file says."""

from rltools.environments._ids import Environment, current_id, environment_spec, import_modules, registered_ids
from rltools.environments._making import make_environment
from rltools.environments._specifications import spec_from_json, spec_to_json
from rltools.environments._wrappers import wrapped_spec, wrapper_names

__all__ = [
    "Environment",
    "current_id",
    "environment_spec",
    "import_modules",
    "make_environment",
    "registered_ids",
    "spec_from_json",
    "spec_to_json",
    "wrapped_spec",
    "wrapper_names",
]
