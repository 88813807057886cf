"""The environment that an ablation acts in, which is that of its recording."""

from __future__ import annotations

from typing import Any

from rltools.envs import Environment, canonical_spec_json, environment_spec, spec_from_json, spec_to_json
from rltools.errors import ArgumentError, MismatchError, argument
from rltools.policies.base import Policy
from rltools.recording import Recording
from rltools.rollout.env_check import environment_of


def environment_to_ablate_in(policy: Policy, recording: Recording, env: Environment | None) -> Environment:
    """The environment to act in.

    Raises:
        MismatchError: the recording is of another policy, or of another environment.
        ArgumentError: there is no environment, or the episodes are those of a data set.
    """
    header = recording.header
    if header.data:
        raise ArgumentError(
            f"{recording.directory} holds episodes of the data set {header.data}, in which nothing can be hidden "
            f"afterwards; record {header.policy} in its environment, and ablate that: rltools.record(policy, env)"
        )
    if policy.source.sha256 != header.policy_sha256:
        raise MismatchError(
            f"{recording.directory} is a recording of {header.policy} with sha256 {header.policy_sha256[:12]}..., and "
            f"the policy is {policy.source.name} with {policy.source.sha256[:12]}...; load the one that was recorded"
        )
    if env is None:
        return spec_from_json(header.environment) if header.environment else _made_by_function(policy, recording)
    env = environment_of(policy, env)
    spec = environment_spec(env)
    if spec is not None and header.environment and spec.id != recording.header.environment_id:
        raise MismatchError(
            f"{recording.directory} was recorded in {header.environment_id}, and env is {spec.id}; leave out "
            f"{argument('env')}, or record there first"
        )
    return env


def _made_by_function(policy: Policy, recording: Recording) -> Environment:
    """The policy's own environment, if that is a function as well: any other one is not what was recorded.

    Raises:
        ArgumentError: it is not.
    """
    own = getattr(policy, "environment", None)
    if own is None or environment_spec(own) is not None:
        raise ArgumentError(
            f"{recording.directory} was recorded in an environment that a function made, which no file can hold; give "
            f"the function again: {argument('env')}"
        )
    return environment_of(policy, own)


def check_recording(recording: Any) -> None:
    if not isinstance(recording, Recording):
        raise ArgumentError(
            f"recording is a {type(recording).__name__}; open one with rltools.open_recording(...), or leave it out"
        )


def specification_of(environment: Environment) -> str:
    spec = environment_spec(environment)
    text = spec and spec_to_json(spec)
    return canonical_spec_json(text) if text else ""
