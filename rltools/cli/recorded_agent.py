"""Finds the agent of a recording, so that commands need not be given it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rltools.errors import ArgumentError

if TYPE_CHECKING:
    from rltools.cli.agent_options import AgentOptions
    from rltools.envs import Environment
    from rltools.policies.base import Policy
    from rltools.recording import Recording


def needed_agent(
    recording: Recording, agent: str | None, options: AgentOptions, command: str
) -> tuple[Policy, Environment | None]:
    """The agent that was typed; else that of the recording, loaded as it was then; and the environment that was typed.

    Raises:
        ArgumentError: no agent was typed, and that of the recording is not to be had; the message says what to type.
    """
    if agent is not None:
        return options.load(agent)
    from rltools.policies.own_environment import environment_with
    from rltools.rollout.recorded_agent import load_recorded_agent, recorded_words

    options.import_modules()
    try:
        env = environment_with(recording.header.policy, options.env, options.arguments, options.loading)
        return load_recorded_agent(recording, env, **options.loading), env
    except ArgumentError as error:
        words = recorded_words(recording.header) or ["best_model.zip"]
        example = shlex.join(["rltools", command, str(recording.directory), *words])
        raise type(error)(f"{error.args[0]}; give it after the folder, for instance `{example}`") from error
