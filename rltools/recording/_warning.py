"""What is said of a file that cannot be read, where the others are used."""

from __future__ import annotations

import warnings

from rltools.errors import CorruptError


class DamagedFileWarning(UserWarning):
    """A file of a recording cannot be read; the others are used."""


def name_damage(error: CorruptError, stacklevel: int = 3) -> None:
    """Warn of a damaged file, at the line that called the function that found it; of more with a higher level."""
    warnings.warn(str(error), DamagedFileWarning, stacklevel=stacklevel)
