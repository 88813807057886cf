"""What the refusal of a file says about trusting it."""

from __future__ import annotations


def how_to_trust(sha256: str) -> str:
    """The way to load exactly one file by its own library; the last sentence of a refusal.

    Args:
        sha256: of the file that was refused.
    """
    return (
        f"If you know who made this file and trust it to run code on this machine, load exactly it with "
        f'trust="{sha256}" (--trust {sha256})'
    )
