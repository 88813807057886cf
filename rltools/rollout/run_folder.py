"""Where the recording of an agent goes unless a folder is named; every command that makes one takes it from here.

- `runs/NAME`, in the agent's own environment. NAME is that of its card; see `run_name` for models without one.
- `runs/NAME--PART--PART` in another environment, with a part for all that differs from its own: another id, each
  argument, each wrapper. For a model that does not say where it was trained, each environment is another one.
- `runs/NAME-on-DATA` for the episodes of a data set.

The name depends on nothing but the agent and the environment, so that the same command finds its folder again. It has
only characters that every file system and shell takes as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rltools.envs import Environment, environment_spec, spec_to_json
from rltools.errors import ArgumentError
from rltools.policies.own_environment import own_environment
from rltools.recording.folders import DIGITS, RUNS, folder_name, run_name, short_name

if TYPE_CHECKING:
    from rltools.policies.base import Policy
    from rltools.policies.load_arguments import LoadArguments

__all__ = ["data_folder", "run_folder"]

LONGEST_TEXT = 24
"""Characters of an argument's value, after which digits of its hash stand for the rest."""
LONGEST = 80
"""Characters of all that differs, after which digits of its hash stand for the rest."""


def run_folder(source: Any, policy: Policy, env: Environment | None, loading: LoadArguments | None = None) -> Path:
    """The folder in which an agent is recorded in an environment.

    Args:
        source: the argument of `load_policy`.
        policy: its result.
        env: the environment to act in; None is the agent's own.
        loading: the other arguments of `load_policy`.

    Raises:
        RltoolsError: the agent cannot be loaded, or no environment of this id is registered.

    Example:
        >>> import rltools
        >>> from rltools.rollout.run_folder import run_folder
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> print(run_folder("cartpole-ppo", policy, "CartPole-v1"))
        runs/cartpole-ppo
        >>> from rltools.envs import with_arguments
        >>> env = with_arguments("CartPole-v1", {"sutton_barto_reward": True})
        >>> print(run_folder("cartpole-ppo", policy, env))
        runs/cartpole-ppo--sutton_barto_reward-true
    """
    name = run_name(source, policy)
    what = "" if env is None else "--".join(_parts(_own(source, loading or {}), env))
    return RUNS / short_name(f"{name}--{_short(what, LONGEST, whole=what)}" if what else name)


def data_folder(source: Any, policy: Policy, data: str) -> Path:
    """The folder for the episodes of a data set, `FORMAT:NAME`, as an agent sees them."""
    return RUNS / folder_name(f"{run_name(source, policy)}-on-{data.partition(':')[2]}")


def _own(source: Any, loading: LoadArguments) -> EnvSpec | None:
    """The environment of an agent's training; None if it does not say."""
    try:
        return own_environment(source, loading)
    except ArgumentError:  # some files cannot even be loaded without an environment
        return None


def _parts(own: EnvSpec | None, env: Environment) -> Iterator[str]:
    """What differs from the agent's own environment, part by part."""
    spec = environment_spec(env)
    if spec is None:
        yield _safe(_name_of(env))
        return
    if own is None or own.id != spec.id:
        yield folder_name(spec.id)
        own = gymnasium.registry.get(spec.id)
    before, here = _settings(own), _settings(spec)
    for name in sorted(before | here):
        if before.get(name) != here.get(name):
            yield _safe("-".join(filter(None, (name, here[name])) if name in here else ("without", name)))


def _settings(spec: EnvSpec | None) -> dict[str, str]:
    """Arguments, wrappers and step limit of an environment as text, by name."""
    if spec is None:
        return {}
    content = json.loads(spec_to_json(spec) or "{}")
    kwargs = content.get("kwargs", {name: repr(value) for name, value in spec.kwargs.items()})
    settings = {name: _text(value) for name, value in kwargs.items() if name != "render_mode"}
    for wrapper in content.get("additional_wrappers", ()):
        arguments = [f"{key}-{_text(value)}" for key, value in (wrapper["kwargs"] or {}).items()]
        name = wrapper["name"]
        settings[name] = "-".join([*([settings[name], name] if name in settings else []), *arguments])
    if spec.max_episode_steps is not None:
        settings["max_episode_steps"] = str(spec.max_episode_steps)
    return settings


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _name_of(env: Any) -> str:
    """What an environment without an id is called: its function or its class."""
    name = getattr(env, "__name__", None) or type(getattr(env, "unwrapped", env)).__name__
    return name if name.isidentifier() else "own-environment"


def _safe(text: str) -> str:
    """A part of the name; what is lost of the text is told apart by digits of its hash."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")
    name = text.partition("-")[0]
    return _short(safe, len(name) + 1 + LONGEST_TEXT, whole=text)


def _short(safe: str, longest: int, *, whole: str) -> str:
    """Text of at most so many characters, and digits of a hash if it is not all of what it is of."""
    if safe == whole and len(safe) <= longest:
        return safe
    digits = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
    return f"{safe[:longest].strip('-.')}-{digits}"
