"""Programs saved by `torch.export.save` (.pt2).

Nothing in a file is executed, unpickled or evaluated, as `torch.export.load` would: `_archive.py` reads JSON and raw
weights, `_program.py` makes a graph of them, and `_dialect.py` computes the graph with an allow-list of torch's own
functions. Start with `_program.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.foreign_files import ends_of, is_file

if TYPE_CHECKING:
    from rltools.policies.library import LoadOptions
    from rltools.policies.torch_policy import TorchPolicy

_END = 1 << 16
TAKES = ("head",)


def claims(source: object) -> bool:
    """Whether it is the file of a torch.export program, by its ending or by the names of its members."""
    if not isinstance(source, Path) or not is_file(source):
        return False
    if source.suffix.lower() == ".pt2":
        return True
    if source.suffix.lower() == ".zip":
        return False
    head, tail = ends_of(source, _END)
    return head.startswith(b"PK") and b"/archive_format" in tail and b"/models/" in tail


def load(source: Path, options: LoadOptions) -> TorchPolicy:
    """The policy of a program that was saved by torch.export.

    Raises:
        ArgumentError: no environment, or a head that it does not have.
        MismatchError: it does not take the environment's observations.
        ModelError: damaged, not supported, or without a clear output; the message says what to give.
        UnsafeFileError: it would run code or exhaust the machine.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> size = Path("policy.pt2").write_bytes(b"cut short")
        >>> rltools.load_policy("policy.pt2", "CartPole-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.ModelError: policy.pt2 is not a zip, or is cut short: ...
    """
    from rltools.policies.graphs.policy import make_policy
    from rltools.policies.pt2._archive import read_archive
    from rltools.policies.pt2._dialect import DIALECT
    from rltools.policies.pt2._program import graph_of

    return make_policy(graph_of(read_archive(source)), DIALECT, options)


def inspection(source: Path) -> list[tuple[str, str]]:
    """What a program of torch.export holds, as rows of a term and a text; nothing is computed.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it would run code, or is far larger than policies are.
    """
    from rltools.policies.graphs.inspection import rows
    from rltools.policies.pt2._archive import read_archive
    from rltools.policies.pt2._dialect import DIALECT
    from rltools.policies.pt2._program import graph_of

    return [*rows(graph_of(read_archive(source)), DIALECT), ("load it", f"rltools analyze {source} --env ID")]
