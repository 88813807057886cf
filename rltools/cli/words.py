"""Messages in the words of the command line."""

from __future__ import annotations

import re

# Errors are written for whoever calls a function, and name its arguments. What one types goes by other names.
_TYPED = (
    (r"overwrite=True( \(--overwrite\))?", "--overwrite"),
    (r"env= or --env|env=", "--env ID"),
    (r"normalize=False", "--normalize none"),
    (r"normalize=(PATH)?", "--normalize PATH"),
    (r"references=", "--references N"),
    (r"seconds=([\d.e+]+)", r"--seconds \1"),
    (r"threads=", "--threads N"),
    (r'trust="\w+" \((--trust \w+)\)', r"\1"),
    (r"frames=True", "--frames"),
    (r"rltools\.explain\(\.\.\.\) or `rltools explain`", "`rltools explain`"),
)
_ALONE = r"(?<![\w./'\"-]){}(?![\w./'\"-])"
"""What is quoted, or part of a path, is somebody's own text."""


def as_cli_options(message: str) -> str:
    """A message with the options of the commands in place of the arguments of functions.

    >>> as_cli_options("give the environment it was trained on as env=")
    'give the environment it was trained on as --env ID'
    """
    for argument, option in _TYPED:
        message = re.sub(_ALONE.format(f"(?:{argument})"), option, message)
    return message


def counted(count: int, noun: str) -> str:
    """A number of things, one of them in the singular.

    >>> counted(1, "action"), counted(1200, "step")
    ('1 action', '1,200 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
