"""The command that makes a page again: exactly the arguments that were given, as they are typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltools.ablation import Groups
from rltools.envs import argument_options, environment_options
from rltools.recording.attribution import VARIABLES

if TYPE_CHECKING:
    from rltools.envs import Environment


def analyze_command(source: Any, words: Sequence[str]) -> str:
    """The command `rltools analyze` with these options; a live agent is named by a placeholder.

    >>> from rltools.experiments._command import analyze_command, option_words
    >>> analyze_command("cartpole-ppo", [*option_words({"episodes": 3, "target": None}), "--no-frames"])
    'rltools analyze cartpole-ppo --episodes 3 --no-frames'
    """
    return shlex.join(["rltools", "analyze", str(source) if isinstance(source, str | Path) else "MODEL", *words])


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Options from values by their names; None is left out."""
    return [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]


def env_words(env: Environment | None, env_kwargs: Mapping[str, Any] | None, *, own: bool) -> list[str]:
    """The options of an environment, or only its arguments if it is the agent's own."""
    return argument_options(env_kwargs or {}) if own else environment_options(env)


def group_words(groups: Groups) -> list[str]:
    """The options of groups of features that are hidden or explained together."""
    if groups == VARIABLES:
        return []
    texts = [groups] if isinstance(groups, str) else [f"{name}={','.join(parts)}" for name, parts in groups.items()]
    return [word for text in texts for word in ("--groups", text)]
