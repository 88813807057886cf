"""The one way to a terminal: what is printed is text, whatever a file, a card or a package put into it.

A terminal obeys escape codes: it changes its title, hides what was written, makes links that lie. Marks that turn the
direction of writing make a name look like another one.
"""

from __future__ import annotations

import sys
import unicodedata

# Controls, marks of direction and of format, halves of surrogate pairs, private and unassigned characters, and those
# that end a line or a paragraph. Spaces of other widths are harmless.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def as_text(content: object) -> str:
    r"""Anything as one line in which everything that a terminal would obey is written out.

    >>> print(as_text("red \x1b[31m name"), as_text("two\nlines"))
    red \x1b[31m name two\nlines
    """
    text = str(content)
    if text.isprintable():
        return text
    return "".join(_written_out(char) if unicodedata.category(char) in _OBEYED else char for char in text)


def say(*lines: object, error: bool = False) -> None:
    """Print lines to standard output, or to standard error, each as text; what cannot be encoded is written out."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # it was closed before Python began
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for line in lines:
        print(as_text(line).encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()  # whoever reads no more is noticed here, not at the end of the program


def say_each(block: str, *, error: bool = False) -> None:
    """Print a text of several lines, whose parts were made text before they were put together."""
    say(*block.split("\n"), error=error)


def _written_out(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def text_bytes(text: str) -> bytes:
    """Any text as bytes, which `bytes_text` turns back."""
    return text.encode("utf-8", "surrogatepass")


def bytes_text(content: bytes) -> str:
    """The text that `text_bytes` was given."""
    return content.decode("utf-8", "surrogatepass")


def whole_text(text: str) -> str:
    r"""A text for files, tables and libraries that take whole characters only.

    >>> whole_text("speed"), whole_text("odd-\udcff")
    ('speed', 'odd-\\udcff')
    """
    return text.encode("utf-8", "backslashreplace").decode()
