"""TorchScript programs, which are code: they are run only if their user names them by sha256.

A TorchScript file is a program of a Turing-complete language and has been deprecated since PyTorch 2.11. Without trust
it is refused; the same network saved as ONNX or by torch.export is read without executing anything. See `_load.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.foreign_files import ends_of, is_file
from rltools.policies._known_kinds import TORCHSCRIPT
from rltools.policies.kinds import HEAD, kind_in

if TYPE_CHECKING:
    from rltools.policies.library import LoadOptions
    from rltools.policies.torch_policy import TorchPolicy

RUNS_TRUSTED_FILES = True
"""Files that `LoadOptions.trust` names are run by TorchScript itself."""
TAKES = ("head",)


def claims(source: object) -> bool:
    """Whether it is the file of a TorchScript program, by the names of its members."""
    if not isinstance(source, Path) or source.suffix.lower() == ".zip" or not is_file(source):
        return False
    head, tail = ends_of(source, HEAD)
    return head.startswith(b"PK") and kind_in(head, tail, source.suffix) is TORCHSCRIPT


def load(source: Path, options: LoadOptions) -> TorchPolicy:
    """The policy of a TorchScript program, which is run if it is trusted.

    Raises:
        UnsafeFileError: it is not trusted; it was not run.
        ChecksumError: it is not the trusted file; it was not run.
        ArgumentError: no environment, or a head that fits no actions there.
        ModelError: it cannot be loaded, or keeps a recurrent state inside.

    Example:
        >>> import zipfile, rltools
        >>> with zipfile.ZipFile("policy.pt", "w") as file:
        ...     file.writestr("policy/constants.pkl", b"")
        ...     file.writestr("policy/code/__torch__.py", "def forward(self, x): ...")
        >>> rltools.load_policy("policy.pt", "CartPole-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.UnsafeFileError: policy.pt is a TorchScript program, which is code; it was NOT run. ...
    """
    from rltools.policies.torchscript._load import load_file

    return load_file(source, options)


def inspection(source: Path) -> list[tuple[str, str]]:
    """What a file is, as rows of a term and a text; nothing in it is read or run.

    Raises:
        ModelError: it cannot be read.
        UnsafeFileError: it is far larger than policies are.
    """
    from rltools.policies.torchscript._load import sha256_of

    return [
        ("network", "a TorchScript program, which is code; it was not run"),
        ("sha256", sha256_of(source)),
    ]
