"""YAML with comments, for people to edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from rltools._util.console import as_text
from rltools._util.files import atomic_write, os_errors_as
from rltools.errors import ConflictError

WIDTH = 120


def on_a_line(content: Mapping[str, Any] | Sequence[Any]) -> CommentedMap | CommentedSeq:
    """A mapping or a list that is written on one line: `{name: speed, unit: m/s}`."""
    written: CommentedMap | CommentedSeq
    if isinstance(content, Mapping):
        written = CommentedMap({key: _inner(value) for key, value in content.items()})
    else:
        written = CommentedSeq([_inner(value) for value in content])
    written.fa.set_flow_style()
    return written


def _inner(value: Any) -> Any:
    return on_a_line(value) if isinstance(value, Mapping | list | tuple) else value


def with_comments(items: Sequence[Any], comments: Sequence[str]) -> CommentedSeq:
    """A list with a comment at the end of each line, where there is one."""
    written = CommentedSeq(items)
    for index, comment in enumerate(comments):
        if comment:
            written.yaml_add_eol_comment(as_text(comment), index)
    return written


def check_new(path: Path) -> None:
    """Refuse to replace a file or a folder.

    Raises:
        ConflictError: there is one.
    """
    if path.exists() or path.is_symlink():
        raise ConflictError(f"{path} is there already, and is not replaced; edit it, or move it away first")


def write_yaml(path: Path, content: CommentedMap, heading: Sequence[str]) -> None:
    """Write a file of YAML below some lines of comment.

    Raises:
        ConflictError: there is one already.
        RecordingError: it cannot be written.
    """
    yaml = YAML(pure=True)
    yaml.width, yaml.allow_unicode = WIDTH, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(content, stream)
    text = "".join(f"# {as_text(line)}\n" for line in heading) + stream.getvalue()
    check_new(path)
    with os_errors_as(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
