"""Golden files of other libraries with some of their content changed, written again with torch.save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

LIBRARIES = Path(__file__).parents[1] / "golden" / "libraries"


def content(case: str) -> Any:
    """What the file of a case holds."""
    (path,) = [path for path in (LIBRARIES / case).iterdir() if path.suffix in (".cleanrl_model", ".pt", ".pth")]
    return torch.load(path, weights_only=True)


def edited(case: str, path: Path, edit: Callable[[Any], Any]) -> Path:
    """Write what `edit` makes of the content of a case to `path`."""
    torch.save(edit(content(case)), path)
    return path
