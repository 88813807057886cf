"""Reads the weights in a file of PyTorch: names and tensors, and nothing else."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import torch
from torch import Tensor

from rltools._util.foreign_files import MIB
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import how_to_trust, printable
from rltools.policies.untrusted.opcodes import names_in
from rltools.policies.untrusted.zips import open_zip, read_member

MAX_PICKLE = 4 * MIB
# Before version 1.6 torch wrote five consecutive pickles, and the numbers after them.
_LEGACY_PICKLES = 5

# All that weights need; torch's own list is longer, and has been bypassed before.
_ALLOWED = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_(tensor|tensor_v2|parameter)|torch(\.storage)?\.\w*Storage"
)
_MEMBER = re.compile(
    r"[^/]+/(data\.pkl|data/\d+|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id)"
)


def read_weights(content: bytes, where: str, sha256: str) -> dict[str, Tensor]:
    """Read the weights by name.

    Args:
        content: the bytes of the file, for instance of a model's policy.pth.
        where: its name in errors.
        sha256: of the file, or of the zip that contains it, for errors.

    Raises:
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
        ModelError: damaged, or weights that are not finite.
    """
    for name in names_in_pth(content, where):
        if not _ALLOWED.fullmatch(name):
            raise UnsafeFileError(
                f"{where} wants more than weights: {printable(name)}. It was NOT run. {how_to_trust(sha256)}"
            )
    try:
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # torch raises many kinds of errors on a damaged file; none of them has run anything.
    except Exception as error:
        raise _damaged(where, error) from error
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        raise ModelError(f"{where} does not hold weights by name; save the model again")
    # By strides of zero a few bytes become a tensor of any size.
    if sum(value.numel() * value.element_size() for value in weights.values()) > 4 * len(content):
        raise UnsafeFileError(f"{where} holds weights far larger than itself; not used. Save the model again")
    for name, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"{where}: {printable(name)} holds NaN or infinity: its training diverged, or the file is damaged; "
                f"give an earlier checkpoint"
            )
    return weights


def names_in_pth(content: bytes, where: str) -> Iterator[str]:
    """The names that a PyTorch file would import; see `read_weights`.

    Raises:
        UnsafeFileError: a zip that torch would not write.
        ModelError: damaged.
    """
    try:
        if content.startswith(b"PK"):
            with open_zip(content, where) as archive:
                yield from names_in(pickle_in(archive, where)[1])
            return
        stream = io.BytesIO(content)
        for _ in range(_LEGACY_PICKLES):
            yield from names_in(stream)
    except (ModelError, UnsafeFileError):
        raise
    except Exception as error:
        raise _damaged(where, error) from error


def pickle_in(archive: zipfile.ZipFile, where: str) -> tuple[str, bytes]:
    """The root folder of a PyTorch zip, and the pickle in it.

    Raises:
        UnsafeFileError: a zip that torch would not write.
        ModelError: damaged.
    """
    members = archive.infolist()
    others = [member.filename for member in members if not _MEMBER.fullmatch(member.filename)]
    roots = {member.filename.partition("/")[0] for member in members}
    if others or len(roots) != 1:
        raise UnsafeFileError(
            f"{where} holds {printable((others or sorted(roots))[0])!r}, which torch never writes beside weights; not "
            f"read. Save the model again"
        )
    if any(member.compress_size != member.file_size for member in members):
        raise UnsafeFileError(
            f"{where} has compressed members, which torch never writes; not read. Save the model again"
        )
    root = roots.pop()
    return root, read_member(archive, f"{root}/data.pkl", where, MAX_PICKLE)


def _damaged(where: str, error: Exception) -> ModelError:
    return ModelError(f"{where} is damaged ({type(error).__name__}: {printable(error)}); save the model again")
