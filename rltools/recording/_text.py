"""Texts that hold half of a surrogate pair, as names of files do that are not UTF-8."""

from __future__ import annotations


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
