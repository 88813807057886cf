"""The command that makes a page again: exactly what was given, written as one types it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools.ablation import Groups
from rltools.recording.attribution import VARIABLES

if TYPE_CHECKING:
    from rltools.envs import Environment


def analyze_command(source: Any, options: Mapping[str, Any], words: Sequence[str]) -> str:
    """The command `rltools analyze`.

    Args:
        source: the agent; a live one is named by a placeholder.
        options: values by the names of their options; None for those that were not given.
        words: further options.

    >>> from rltools.experiments._command import analyze_command
    >>> analyze_command("cartpole-ppo", {"episodes": 3, "target": None}, ["--env-kwargs", "a=1"])
    'rltools analyze cartpole-ppo --episodes 3 --env-kwargs a=1'
    """
    agent = str(source) if isinstance(source, str | Path) else "MODEL"
    typed = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["rltools", "analyze", agent, *typed, *words])


def env_words(env: Environment | None, env_kwargs: Mapping[str, Any] | None) -> list[str]:
    """The options of an environment; a live object or a function is named by a placeholder."""
    words: list[str] = []
    if env is not None:
        words = ["--env", env if isinstance(env, str) else "ENV"]
    if env_kwargs:
        words += ["--env-kwargs", *(f"{name}={_value_word(value)}" for name, value in env_kwargs.items())]
    return words


def _value_word(value: Any) -> str:
    """An argument of an environment as it is typed: a text as it is, unless it would be read as something else."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def group_words(groups: Groups) -> list[str]:
    """The options of groups of features that are hidden or explained together."""
    if groups == VARIABLES:
        return []
    texts = [groups] if isinstance(groups, str) else [f"{name}={','.join(parts)}" for name, parts in groups.items()]
    return [word for text in texts for word in ("--groups", text)]
