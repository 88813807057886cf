"""Writes the arguments of functions as options of the command line, so that messages name what was typed."""

from __future__ import annotations

from rltools.errors import message_of

OPTIONS = {
    "ablate": "--no-ablate",
    "activation": "--activation NAME",
    "bounds": "--bounds",
    "check": "--check FILE.npz",
    "compile": "--compile",
    "device": "--device",
    "env": "--env ID",
    "env_kwargs": "--env-kwargs NAME=VALUE",
    "executor": "--executor NAME",
    "every": "--every N",
    "frames": "--frames",
    "head": "--head HEAD",
    "layout": "--layout LIBRARY",
    "max_batch": "--max-batch N",
    "method": "--method",
    "normalize": "--normalize PATH",
    "overwrite": "--overwrite",
    "references": "--references N",
    "seconds": "--seconds S",
    "shard": "--shard I/N",
    "directory": "--out PATH",
    "leave_out": "--leave-out PART",
    "seed": "--seed N",
    "strides": "--strides N,N,N",
    "target": "--target",
    "threads": "--threads N",
    "trust": "--trust SHA256",
    "units": "--units",
    "window": "--window N",
    "workers": "--workers N",
}
"""The option that one types for an argument of a function, with a placeholder for its value."""
EXPLAIN_OPTIONS = (
    "compile",
    "device",
    "every",
    "max_batch",
    "method",
    "normalize",
    "references",
    "seconds",
    "seed",
    "target",
    "threads",
    "units",
    "window",
    "workers",
)
"""The arguments of `explain` besides the parameters of a method."""
NO_PARAMETERS = ("recording", "policy", "progress")
_PYTHON_VALUES = {"True": "", "False": "none"}
"""Flags are typed without a value, and `none` turns an option off."""


def option(name: str, value: str = "") -> str:
    """The option for an argument of a function, as it is typed.

    >>> option("env"), option("overwrite", "True"), option("normalize", "False"), option("seconds", "60")
    ('--env ID', '--overwrite', '--normalize none', '--seconds 60')
    >>> option("strides", "(4, 2)")
    '--strides 4,2'
    """
    flag, _, placeholder = OPTIONS.get(name, f"--{name.replace('_', '-')}").partition(" ")
    plain = value.strip("()").rstrip(",").replace(", ", ",") if value.startswith("(") else value.strip("'\"")
    text = _PYTHON_VALUES.get(value, plain) if value else placeholder
    return f"{flag} {text}".rstrip()


def message_with_options(error: BaseException) -> str:
    """The message of an error or a warning, with options in place of the arguments of functions."""
    return message_of(error, option)
