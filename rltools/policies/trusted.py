"""Files that their user trusts, each by its sha256: they are loaded by their own library, which runs what they hold.

Nothing here is ever used because safe reading failed; only because the user named the very file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.errors import ArgumentError
from rltools.policies._kinds import described

if TYPE_CHECKING:
    from rltools.policies import Known
    from rltools.policies.torch_policy import TorchPolicy

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Trusted:
    """A source, with the files in it or beside it that may run code.

    Attributes:
        path: a model's .zip or a folder.
        sha256: of each file that is trusted, 64 hexadecimal digits each; every one must be that of a file there.
    """

    path: Path
    sha256: frozenset[str]


def trusting(path: Path, trust: str | Iterable[str]) -> Trusted:
    """A source with what its user trusts of it.

    Raises:
        ArgumentError: not a sha256, or none at all.
    """
    given = list(trust) if isinstance(trust, Iterable) and not isinstance(trust, str) else [trust]
    hashes = frozenset(str(one).strip().lower().removeprefix("sha256:") for one in given)
    wrong = sorted(one for one in hashes if not _SHA256.fullmatch(one))
    if wrong or not hashes:
        raise ArgumentError(
            f"trust (--trust) is the sha256 of the file that may run code, 64 hexadecimal digits, "
            f"not {wrong[0][:80] if wrong else 'nothing'!r}; `sha256sum FILE` tells it"
        )
    return Trusted(path, hashes)


def claims(source: object) -> bool:
    """A source with what its user trusts of it."""
    return isinstance(source, Trusted)


def load(source: Trusted, known: Known) -> TorchPolicy:
    """The policy in a trusted source: a model's zip of Stable-Baselines3, or a folder of rl-baselines3-zoo.

    Raises:
        ArgumentError: another kind of source.
        ChecksumError: a file that is not the trusted one; nothing was run.
        ModelError: what its library cannot load.
    """
    from rltools.policies.sb3 import claims as claimed
    from rltools.policies.sb3._files import load_file
    from rltools.policies.sb3._zoo import model_in

    if not claimed(source.path):
        raise ArgumentError(
            f"trust (--trust) is for models of Stable-Baselines3, and {source.path} is none, {described(source.path)}"
        )
    return load_file(model_in(source.path) or source.path, known, source.sha256)
