"""What messages say of files that anyone may have made: their text made printable, and how to trust them."""

from __future__ import annotations

from rltools.errors import argument


def printable(value: object, longest: int = 300) -> str:
    """Text from a file, safe to print: short, on one line, without control characters."""
    text = str(value)
    return ascii(text[:longest])[1:-1] + ("..." if len(text) > longest else "")


def how_to_trust(sha256: str) -> str:
    """The advice that ends a refusal: how to load exactly this file by its own library.

    Args:
        sha256: of the refused file.
    """
    return (
        f"If you know who made this file and trust it to run code on this machine, load exactly it with "
        f"{argument('trust', repr(sha256))}, or load it with its own library and give the live model"
    )
