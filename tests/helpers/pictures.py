"""Whether a stored picture is the one that is drawn now, where it is drawn from the same episodes."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
_EPISODES = runpy.run_path(str(DOCS / "episodes.py"))
watched = _EPISODES["watched"]
CELL = 4
"""Pixels of a cell: edges of letters differ between versions of a font's renderer, words and lines do not."""
DIFFERENT, FEW = 40, 0.0003
"""Gray levels by which cells differ, and the share of them that may: a word of small print is more."""


def run_script(script: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let a script of the documentation draw its picture elsewhere; returns the digests of its episodes."""
    import matplotlib.pyplot as plt

    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    monkeypatch.syspath_prepend(script.parent)  # as Python does for a script
    try:
        with watched() as digests:
            runpy.run_path(str(script), run_name="__main__")
    finally:
        plt.close("all")
    return digests()


def require_same_episodes(name: str, digests: dict[str, str]) -> None:
    """Skip the test where this machine plays other episodes than those that a picture or notebook shows.

    Other seeds are no matter of the machine: then the documentation is out of date.
    """
    path = _EPISODES["EPISODES"]
    noted = json.loads(path.read_text(encoding="utf-8")).get(name) if path.is_file() else None
    redraw = f"run `python docs/pictures.py {name}`"
    assert noted is not None, f"docs/{path.name} does not say which episodes {name} shows; {redraw}"
    assert digests["seeds"] == noted["seeds"], f"{name} shows episodes of other seeds than are recorded now; {redraw}"
    if digests["actions"] != noted["actions"]:
        pytest.skip(
            f"{name} cannot be compared: from the same seeds the agent acts differently here than where it was drawn, "
            f"as it may on another type of processor or with other versions of its libraries"
        )


def difference(stored: Path, redrawn: Path) -> float:
    """The share of cells that differ, from 0 to 1; 1 where the pictures are of different sizes."""
    pictures = [Image.open(path).convert("L") for path in (stored, redrawn)]
    if max(abs(a - b) for a, b in zip(*(picture.size for picture in pictures), strict=True)) > CELL:
        return 1.0
    size = tuple(side // CELL for side in pictures[0].size)
    cells = [np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=float) for picture in pictures]
    return float((np.abs(cells[0] - cells[1]) > DIFFERENT).mean())


def check_same(stored: Path, redrawn: Path, few: float = FEW) -> None:
    """That a picture of the documentation is what is drawn now, but for a share of its cells."""
    share = difference(stored, redrawn)
    assert share <= few, (
        f"{stored.name} is not what is drawn now: {100 * share:.2f} % of it differs; look at both, then run "
        f"`python docs/pictures.py {stored.stem}`"
    )
