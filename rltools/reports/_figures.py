"""The plots of a report, as files beside it and as pictures in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages import image_address
from rltools.plots.alt import alt_text
from rltools.recording._files import appearing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 160
PIXELS_PER_INCH = 96
"""Of a page: a figure is shown in its own size, in which its text is read."""
LARGEST_VECTOR = 400_000
"""Bytes; a vector picture beyond that, of thousands of dots, is slower than a bitmap."""


@dataclass(frozen=True)
class Figure:
    """A picture of a report.

    Attributes:
        name: of its files, without their ending.
        caption: how to read it.
        address: of the picture, which it carries itself.
        files: the names of its files.
        alt: what it shows, for those who hear the page.
        width: in pixels of the page.
        height: likewise.
    """

    name: str
    caption: str
    address: str
    files: tuple[str, ...]
    alt: str
    width: int
    height: int


def drawn(plot: Callable[[], Axes], name: str, caption: str, folder: Path) -> Figure:
    """Draw a plot into `folder/name.png` and, for print, `folder/name.svg`."""
    from matplotlib import rc_context

    axes = plot()
    figure = axes.get_figure(root=True)
    if figure is None:
        raise AssertionError("a plot returned axes without a figure")
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed salt and no date: the same recording gives the same bytes.
    with rc_context({"svg.hashsalt": "rltools"}):
        pictures = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            picture = BytesIO()
            figure.savefig(picture, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
            pictures[kind] = picture.getvalue()
            with appearing(folder / f"{name}.{kind}") as temporary:
                temporary.write_bytes(pictures[kind])
    vector = len(pictures["svg"]) <= LARGEST_VECTOR
    address = image_address(pictures["svg"], "svg+xml") if vector else image_address(pictures["png"])
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    files = tuple(f"{name}.{kind}" for kind in pictures)
    return Figure(name, caption, address, files, alt_text(axes), width, height)
