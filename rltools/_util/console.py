"""Prints to a terminal; escape codes in names, cards or messages of packages are printed, not obeyed.

A terminal obeys escape codes: they change its title, hide lines and forge links. Marks that change the direction of
writing make one name look like another.
"""

from __future__ import annotations

import sys
import unicodedata

# Control characters, marks of direction and format, surrogates, private and unassigned characters, and separators of
# lines and paragraphs. Spaces of other widths are harmless.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def as_text(content: object) -> str:
    r"""An object as one line of text, with everything that a terminal would obey escaped.

    >>> print(as_text("red \x1b[31m name"), as_text("two\nlines"))
    red \x1b[31m name two\nlines
    """
    text = str(content)
    if text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _ESCAPED else char for char in text)


def say(*lines: object, error: bool = False) -> None:
    """Print lines to standard output or standard error, with escape codes and unencodable characters escaped."""
    say_as_it_is(*map(as_text, lines), error=error)


def say_as_it_is(*lines: str, error: bool = False) -> None:
    """Print lines that `as_text` has escaped already; they may hold terminal codes of our own."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # it was closed before Python started
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for line in lines:
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
    stream.flush()  # a closed pipe raises here, not at the end of the program


def say_each(block: str, *, error: bool = False) -> None:
    """Print a text of several lines that `as_text` has escaped already."""
    say(*block.split("\n"), error=error)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def text_bytes(text: str) -> bytes:
    """Encode any text as bytes, surrogates too; the inverse of `bytes_text`."""
    return text.encode("utf-8", "surrogatepass")


def bytes_text(content: bytes) -> str:
    """Decode what `text_bytes` encoded."""
    return content.decode("utf-8", "surrogatepass")


def whole_text(text: str) -> str:
    r"""A text without surrogates, for files, tables and libraries that refuse them.

    >>> whole_text("speed"), whole_text("odd-\udcff")
    ('speed', 'odd-\\udcff')
    """
    return text.encode("utf-8", "backslashreplace").decode()
