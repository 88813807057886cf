"""Converts what is typed for an option into what the function behind the command takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rltools.cli.messages import EXPLAIN_OPTIONS, NO_PARAMETERS, OPTIONS
from rltools.errors import ArgumentError


def import_all(modules: list[str] | None) -> None:
    """Import the modules that `--import` names."""
    if modules:
        from rltools.envs import import_modules

        import_modules(modules)


def page_path(out: Path | None) -> Path | None:
    """The value of `--out` for a page, which must not replace another file, such as one of the recording.

    Raises:
        ArgumentError: the path does not end in .html or .htm.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(
            f"--out {out} ends in {out.suffix!r}, and a page in .html; write {out.with_suffix('.html')}"
        )
    return out


def named_values(texts: list[str] | None, option: str = "--set", example: str = "permutations=128") -> dict[str, Any]:
    """Values by their names: parsed if they are valid JSON, and text otherwise.

    Args:
        texts: each NAME=VALUE.
        option: that they were typed for.
        example: of a text, for messages.

    Raises:
        ArgumentError: a text is not NAME=VALUE, or its name is repeated.

    >>> named_values(["fps=50", "task=landing"])
    {'fps': 50, 'task': 'landing'}
    """
    values: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ArgumentError(f"{option} {text!r} is not NAME=VALUE, for instance {option} {example}")
        if name in values:
            raise ArgumentError(
                f"{option} gives {name} twice, as {values[name]!r} and as {value!r}; leave one of them out"
            )
        try:
            values[name] = json.loads(value)
        except (ValueError, RecursionError):  # not JSON, a number of thousands of digits, or deeply nested lists
            values[name] = value
    return values


def parameters(texts: list[str] | None) -> dict[str, Any]:
    """The parameters of a method in `--set`, as `named_values`.

    Raises:
        ArgumentError: a text is not NAME=VALUE, or its name is repeated or no parameter of a method.

    >>> parameters(["permutations=64", "groups=variables"])
    {'permutations': 64, 'groups': 'variables'}
    """
    for text in texts or ():
        name, _, value = text.partition("=")
        if name in EXPLAIN_OPTIONS:
            flag = OPTIONS[name].split()[0]
            raise ArgumentError(f"--set {text}: {name} is an option of its own; write {flag} {value}".rstrip())
        if name in NO_PARAMETERS:
            raise ArgumentError(f"--set {text}: {name} is no parameter of a method; see `rltools list methods`")
    return named_values(texts)


def parse_groups(texts: list[str] | None) -> str | dict[str, list[str]] | None:
    """The value of `--groups` as functions take it; None if it was not typed.

    Raises:
        ArgumentError: a text is neither NAME=FEATURE,FEATURE nor `features` or `variables`.

    >>> parse_groups(["legs=left leg contact,right leg contact"]), parse_groups(["features"]), parse_groups(None)
    ({'legs': ['left leg contact', 'right leg contact']}, 'features', None)
    """
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    groups: dict[str, list[str]] = {}
    for text in texts:
        name, equals, members = text.partition("=")
        if text in ("features", "card"):
            raise ArgumentError(
                f"--groups {text} says how all features are grouped, and is given alone, not with others"
            )
        if not equals or not name or not members:
            raise ArgumentError(f"--groups {text!r} is not NAME=FEATURE,FEATURE, for instance legs=left,right")
        if name in groups:
            raise ArgumentError(f"--groups gives {name!r} twice; write all of its features once")
        groups[name] = [member.strip() for member in members.split(",")]
    return groups
