"""Names of variables, for files and libraries that take few characters."""

from __future__ import annotations

import re
from collections.abc import Iterable


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Map arbitrary names to unique ones of letters, digits, `_` and `-`."""
    safe_by_name: dict[str, str] = {}
    for name in names:
        safe = re.sub(r"[^\w-]", "_", name)
        while safe in safe_by_name.values():
            safe += "_"
        safe_by_name[name] = safe
    return safe_by_name
