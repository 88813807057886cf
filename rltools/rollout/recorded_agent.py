"""Loads the agent of a recording from what its header keeps, so that it need not be named again.

Only plain values are kept: what was typed as the agent, and the arguments of `load_policy` that numbers and texts can
say. Nothing is trusted on a recording's word: a file that runs code is loaded only if its sha256 is given again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, cast

from rltools._util.foreign_files import path_exists
from rltools.cards.content import content_path
from rltools.envs import environment_options, spec_from_json
from rltools.errors import ArgumentError, MismatchError, RltoolsError, SimulationError, argument
from rltools.policies.hub import is_hub
from rltools.policies.load import load_policy
from rltools.policies.load_arguments import LoadArguments, loading_words
from rltools.recording import Header, Recording

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.policies.base import Policy


def load_recorded_agent(
    recording: Recording, env: Environment | None = None, **loading: Unpack[LoadArguments]
) -> Policy:
    """Load the agent of a recording, as it was loaded then.

    The path that was typed is looked for from the working directory, then from the folder of the recording, and the
    agent must be the one that was recorded, by its sha256. An older recording names an agent with a card, or none.

    Args:
        recording: whose agent it is.
        env: where it acts; None for the environment of the recording, if the agent was loaded with one.
        loading: arguments of `load_policy` that replace those that were recorded.

    Raises:
        ArgumentError: it was not loaded from a file or by a name, it runs code and is not trusted, or nothing at its
            path is the agent that was recorded; the message says what was recorded, and what to give.

    Example:
        >>> import rltools
        >>> from rltools.rollout.recorded_agent import load_recorded_agent
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=1, max_steps=20)
        >>> load_recorded_agent(recording).source.name
        'cartpole-ppo'
    """
    header = recording.header
    agent = header.agent or ({"source": header.policy} if content_path("agents", header.policy) else {})
    if not agent:
        raise ArgumentError(
            f"{recording.directory} is a recording of {header.policy}, and it does not say what that was loaded from"
        )
    if agent.get("trusted") and "trust" not in loading:
        raise ArgumentError(
            f"{recording.directory} is a recording of {agent['source']}, whose file runs code and was trusted then; a "
            f"recording cannot trust a file: give {argument('trust')} again"
        )
    if missing := [name for name in agent.get("live", ()) if name not in loading]:
        raise ArgumentError(
            f"{recording.directory} is a recording of {agent['source']}, which was loaded with a live object as "
            f"{argument(missing[0])}; load it with that again"
        )
    options = cast("LoadArguments", {**agent.get("loading", {}), **loading})
    reasons: list[str] = []
    for source in _sources(agent["source"], recording.directory):
        try:
            policy = _load(source, env, header if "environment" in agent else None, options)
        except RltoolsError as error:
            reasons.append(str(error))
            continue
        if policy.source.sha256 == header.policy_sha256:
            return policy
        reasons.append(f"{source} is another agent today: its sha256 is {policy.source.sha256[:12]}...")
    raise ArgumentError(
        f"{recording.directory} is a recording of {header.policy}, sha256 {header.policy_sha256[:12]}..., which was "
        f"loaded from {agent['source']!r:.200} and is not there as it was ({reasons[0]})"
    )


def recorded_words(header: Header) -> list[str]:
    """What to type for the agent of a recording, wherever its file is now; nothing if that is not known."""
    if not header.agent:
        return []
    name = header.agent["source"]
    source = name if is_hub(name) else f"path/to/{Path(name).name}"
    try:
        env = environment_options(spec_from_json(header.environment)) if "environment" in header.agent else []
    except SimulationError:  # its module is not imported
        env = ["--env", header.environment_id, "--import", "MODULE"]
    trust = ["--trust", "SHA256"] if header.agent.get("trusted") else []
    return [source, *env, *loading_words(cast("LoadArguments", header.agent.get("loading", {}))), *trust]


def _sources(typed: str, folder: Path) -> Iterator[str]:
    """Where an agent may be: as it was typed, then from the folder of the recording."""
    yield typed
    beside = folder / typed
    if not is_hub(typed) and not Path(typed).is_absolute() and (path_exists(beside) or path_exists(f"{beside}.zip")):
        yield str(beside)


def _load(source: str, env: Environment | None, header: Header | None, options: LoadArguments) -> Policy:
    """The policy in a source, in the environment of the recording if it was loaded with one."""
    missing: SimulationError | None = None
    if env is None and header is not None and header.environment:
        try:
            env = spec_from_json(header.environment)
        except SimulationError as error:  # its module is not imported; many agents load without an environment
            missing = error
    try:
        return load_policy(source, env, **options)
    except RltoolsError as error:
        if missing is not None and not isinstance(error, MismatchError):
            raise missing from error
        raise
