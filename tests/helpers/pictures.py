"""Whether a stored picture is the one that is drawn now."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CELL = 4
"""Pixels of a cell: edges of letters differ between versions of a font's renderer, words and lines do not."""
DIFFERENT, FEW = 40, 0.0003
"""Grey levels by which cells differ, and the share of them that may: a word of small print is more."""


def run_script(script: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script of the documentation draw its picture elsewhere."""
    import matplotlib.pyplot as plt

    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    monkeypatch.syspath_prepend(script.parent)  # as Python does for a script
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        plt.close("all")


def difference(stored: Path, drawn: Path) -> float:
    """The share of cells that differ, from 0 to 1; 1 where the pictures are of different sizes."""
    pictures = [Image.open(path).convert("L") for path in (stored, drawn)]
    if max(abs(a - b) for a, b in zip(*(picture.size for picture in pictures), strict=True)) > CELL:
        return 1.0
    size = tuple(side // CELL for side in pictures[0].size)
    cells = [np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=float) for picture in pictures]
    return float((np.abs(cells[0] - cells[1]) > DIFFERENT).mean())


def check_same(stored: Path, drawn: Path) -> None:
    """That a picture of the documentation is what is drawn now."""
    share = difference(stored, drawn)
    assert share <= FEW, (
        f"{stored.name} is not what is drawn now: {100 * share:.2f} % of it differs; look at both, then run "
        f"`python docs/pictures.py {stored.stem}`"
    )
