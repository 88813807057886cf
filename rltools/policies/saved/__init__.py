"""Rebuilds the networks of other libraries from the weights that they save; nothing in a file is executed.

`formats/` reads files and folders into tensors by key, `layouts/` knows how each library arranges them, `chains.py`
and `networks.py` make modules of them. `_load.py` has the whole path and is the file to read first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rltools.policies.library import LoadOptions
    from rltools.policies.torch_policy import TorchPolicy

CLAIMS_LAST = True
"""Models that describe their own networks are read by their libraries."""
TAKES = ("layout", "activation", "strides", "head", "check")


def claims(source: object) -> bool:
    """Whether it is the path of a file or a folder of weights, by its content."""
    if not isinstance(source, Path):
        return False
    from rltools.policies.saved.contents import format_of

    return format_of(source) is not None


def load(source: Path, options: LoadOptions) -> TorchPolicy:
    """The policy whose weights a source holds.

    Raises:
        ModelError: damaged, or it holds no network that can be rebuilt.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
        ArgumentError: something about the network has to be given; the message says what.
        MismatchError: the network is not for the environment.
    """
    from rltools.policies.saved._load import load_weights

    return load_weights(source, options)


def inspection(source: Path) -> list[tuple[str, str]]:
    """What a file or a folder of weights holds, as rows of a term and a text; nothing in it is executed.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
    """
    from rltools.policies.saved._inspection import rows

    return rows(source)
