"""Finds the agent of a recording, so that commands on a recording need not be told it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.policies.base import Policy
    from rltools.recording import Recording


def recorded_agent(recording: Recording, agent: str | None, loading: dict[str, Any]) -> Policy | None:
    """The named agent; else the reference agent of the recorded name, if it is the one that was recorded."""
    from rltools.cards.content import content_path
    from rltools.policies.load import load_policy

    if agent is not None:
        return load_policy(agent, **loading)
    name = recording.header.policy
    if content_path("agents", name) is None:
        return None
    policy = load_policy(name, **loading)
    return policy if policy.source.sha256 == recording.header.policy_sha256 else None


def needed_agent(recording: Recording, agent: str | None, loading: dict[str, Any], command: str) -> Policy:
    """Likewise, for a command that needs the agent.

    Raises:
        ArgumentError: no agent is named, and the recorded one is not known by its name.
    """
    policy = recorded_agent(recording, agent, loading)
    if policy is None:
        raise ArgumentError(
            f"{recording.directory} is a recording of {recording.header.policy}, and no agent by that name is the one "
            f"that was recorded; give it after the folder, for instance "
            f"`{command} {recording.directory} best_model.zip`"
        )
    return policy
